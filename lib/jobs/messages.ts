import * as z from 'zod';
import { deviceId } from '../devices/ids.ts';
import { FleetError } from '../errors.ts';
import { dpsInstanceName } from '../groups/dps-instance.ts';
import { type QueueName, queues } from '../resource-names.ts';
import type { ChunkPlace } from './job.ts';
import { decodedJson, NotJson } from './message-text.ts';

/*
 * The messages of this app's own queues. No property is called id, dequeueCount or popReceipt: the Functions host copies the
 * top-level properties of a JSON message over trigger metadata of the same name.
 */

/** In the place of a name of a DPS instance: more than one. */
export const severalDps = '*';

const count = z.int().min(0);

const chunkMessage = z.strictObject({
  jobId: z.string().regex(/^[0-9a-f]{24}$/),
  chunk: count,
  /** Byte offsets in the manifest, from 0, `end` exclusive. */
  start: count,
  end: count,
  firstLine: z.int().min(1),
  rows: z.int().min(1),
  attempt: z.int().min(1),
  /** Lines of the rows that a retry is about; all rows of the chunk if absent. */
  lines: z.array(z.int().min(1)).max(1000).optional(),
  /** The retry replaces enrollments that this deployment did not write. Absent: as the job says. */
  adopt: z.literal(true).optional(),
});

const enrollmentMessage = z.strictObject({
  jobId: z.string().regex(/^[0-9a-f]{24}$/),
  chunk: count,
  attempt: z.int().min(1),
  /** As in the message of the chunk. */
  adopt: z.literal(true).optional(),
  /** The DPS instance that is to have them; `severalDps` when there are several. Absent: `default`. */
  dps: z.union([z.string().regex(dpsInstanceName), z.literal(severalDps)]).optional(),
});

const blockMessage = z.union([
  z.strictObject({ deviceId: z.string().regex(deviceId) }),
  z.strictObject({ actId: z.string().regex(/^[0-9a-f]{24}$/) }),
]);

/** One chunk of a manifest, on queue `chunks`. */
export type ChunkMessage = Readonly<z.output<typeof chunkMessage>>;

/** The devices of one chunk that need an individual enrollment, on queue `individual-enrollments`. */
export type EnrollmentMessage = Readonly<z.output<typeof enrollmentMessage>>;

/**
 * A device whose doors are to be closed, opened or looked at again, or an act on many devices that goes on. On queue
 * `device-blocks`; the record of the device or the act says what is next.
 */
export type BlockMessage = Readonly<z.output<typeof blockMessage>>;

/** One attempt at one chunk. `chunk` counts from 0; `attempt` is 1, and one more for each retry of the job. */
export type ChunkAttempt = Pick<ChunkMessage, 'jobId' | 'chunk' | 'attempt'>;

/** The chunk's place in the manifest. */
export function placeOf({ start, end, firstLine, rows }: ChunkMessage): ChunkPlace {
  return { start, end, firstLine, rows };
}

/** @throws FleetError `message-invalid` */
export const parseChunkMessage = (body: unknown): ChunkMessage => parse(chunkMessage, queues.chunks, body);

/** @throws FleetError `message-invalid` */
export const parseEnrollmentMessage = (body: unknown): EnrollmentMessage =>
  parse(enrollmentMessage, queues.enrollments, body);

/** @throws FleetError `message-invalid` */
export const parseBlockMessage = (body: unknown): BlockMessage => parse(blockMessage, queues.blocks, body);

function parse<T>(schema: z.ZodType<T>, queue: QueueName, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.') || '(message)', message }));
  throw FleetError.of('message-invalid', `A message of queue "${queue}"`, faults);
}

/**
 * The JSON value that a queue message carries. The host passes a message's text on as it is (host.json,
 * `messageEncoding: none`) and parses what is JSON. What Event Grid and other senders wrap it in is taken off here (`decodedJson`).
 * @throws FleetError `message-invalid`, with the place of the error
 */
export function decodedBody(message: unknown): unknown {
  if (typeof message !== 'string') return message;
  try {
    return decodedJson(message);
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    throw new FleetError('message-invalid', `The message ${error.message} Send one JSON object.`, { cause: error });
  }
}

/** The message as one text: the same in the function that fails and in the one that records the dead letter. */
export function bodyText(message: unknown): string {
  return typeof message === 'string' ? message : JSON.stringify(message);
}
