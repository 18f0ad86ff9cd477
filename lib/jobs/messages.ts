import * as z from 'zod';
import { FleetError } from '../errors.ts';
import { type QueueName, queues } from '../resource-names.ts';
import type { ChunkPlace } from './job.ts';

/*
 * What travels on our own queues. No property is called id, dequeueCount or popReceipt: the Functions host copies
 * top-level properties of a JSON message over its trigger metadata of the same name.
 */

const count = z.int().min(0);

const chunkMessage = z.strictObject({
  jobId: z.string().regex(/^[0-9a-f]{24}$/),
  chunk: count,
  /** Bytes of the manifest, `end` exclusive. */
  start: count,
  end: count,
  firstLine: z.int().min(1),
  rows: z.int().min(1),
  attempt: z.int().min(1),
  /** The rows that a retry is about; all of them when absent. */
  lines: z.array(z.int().min(1)).max(1000).optional(),
});

const enrollmentMessage = z.strictObject({
  jobId: z.string().regex(/^[0-9a-f]{24}$/),
  chunk: count,
  attempt: z.int().min(1),
});

/** One chunk of a manifest, on queue `chunks`. */
export type ChunkMessage = Readonly<z.output<typeof chunkMessage>>;

/** The devices of one chunk that need an individual enrollment, on queue `individual-enrollments`. */
export type EnrollmentMessage = Readonly<z.output<typeof enrollmentMessage>>;

/** Where the chunk's rows are, without the rest. */
export function placeOf({ start, end, firstLine, rows }: ChunkMessage): ChunkPlace {
  return { start, end, firstLine, rows };
}

/** @throws FleetError `message-invalid` */
export const parseChunkMessage = (body: unknown): ChunkMessage => parse(chunkMessage, queues.chunks, body);

/** @throws FleetError `message-invalid` */
export const parseEnrollmentMessage = (body: unknown): EnrollmentMessage =>
  parse(enrollmentMessage, queues.enrollments, body);

function parse<T>(schema: z.ZodType<T>, queue: QueueName, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.') || '(message)', message }));
  throw FleetError.of('message-invalid', `A message of queue "${queue}"`, faults);
}

/**
 * The JSON value that a queue message carries. The host passes a message's text on as it is (host.json,
 * `messageEncoding: none`) and parses what is JSON; base64 of JSON, as Event Grid and many senders write it, is decoded here.
 * @throws FleetError `message-invalid`
 */
export function decodedBody(message: unknown): unknown {
  if (typeof message !== 'string') return message;
  const text = message.trim();
  try {
    return JSON.parse(/^[{["]/.test(text) ? text : Buffer.from(text, 'base64').toString('utf8'));
  } catch (error) {
    throw new FleetError('message-invalid', 'The message is neither JSON nor base64 of JSON.', { cause: error });
  }
}

/** The message as one text, the same for the function that fails on it and for the one that records it. */
export function bodyText(message: unknown): string {
  return typeof message === 'string' ? message : JSON.stringify(message);
}
