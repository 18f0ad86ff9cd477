import { createHash } from 'node:crypto';
import type { BlobStore } from '../blobs.ts';
import type { DeviceStore } from '../devices/device-store.ts';
import type { Groups } from '../enrollment/groups.ts';
import { FleetError } from '../errors.ts';
import { type BlobCreated, parseBlobCreated } from '../manifest/blob-created.ts';
import type { RowFault } from '../manifest/manifest.ts';
import { createRowReader } from '../manifest/row-reader.ts';
import { writeChunkReport } from '../provision/chunk-report.ts';
import { findArchive } from '../provision/commit.ts';
import { isOurs, resultRow } from '../provision/outcome.ts';
import { failedRecord, replaceRecords } from '../provision/record.ts';
import { countPart } from './count-part.ts';
import type { DeadLetter, DeadLetterStore } from './dead-letters.ts';
import { tellFinished } from './finish.ts';
import { type Job, type Part, partName } from './job.ts';
import { jobIdOf } from './job-id.ts';
import type { JobStore } from './job-store.ts';
import { decodedBody } from './message-body.ts';
import {
  type ChunkMessage,
  type EnrollmentMessage,
  parseChunkMessage,
  parseEnrollmentMessage,
  placeOf,
} from './messages.ts';

export interface DeadLetterServices {
  readonly deadLetters: DeadLetterStore;
  readonly jobs: JobStore;
  readonly devices: DeviceStore;
  readonly groups: Groups;
  readonly manifests: BlobStore;
  readonly bundles: BlobStore;
  readonly reports: BlobStore;
  readonly now: () => Date;
}

export function deadLetterId(queue: string, body: string): string {
  return createHash('sha256').update(`${queue}\n${body}`).digest('hex').slice(0, 32);
}

/** The reason where no delivery lived long enough to leave one. */
const unknownReason: DeadLetter['reason'] = {
  code: 'gave-up',
  message: 'Every delivery of the message ended without a word: the worker died or ran out of time.',
  hint: new FleetError('gave-up', '').hint,
};

/**
 * Records a message from a poison queue, and ends what it would have done: a manifest's job is failed, a chunk's rows
 * are failed with the reason and counted, so that no job waits for them for ever.
 */
export async function recordDeadLetter(
  queue: string,
  body: string,
  services: DeadLetterServices,
): Promise<DeadLetter['reason']> {
  const { deadLetters, now } = services;
  const id = deadLetterId(queue, body);
  const reason = (await deadLetters.readReason(id, queue)) ?? unknownReason;
  if (queue === 'manifest-uploads') await failManifest(body, reason, services);
  if (queue === 'chunks') await failChunk(body, reason, services);
  if (queue === 'individual-enrollments') await failEnrollments(body, reason, services);
  await deadLetters.put({ id, queue, body, reason, at: now().toISOString() });
  return reason;
}

/** What the body is, or undefined when it is nothing of ours, which its record says well enough. */
function parsed<T>(parse: (body: unknown) => T, body: string): T | undefined {
  try {
    return parse(decodedBody(body));
  } catch {
    return undefined;
  }
}

async function failManifest(
  body: string,
  reason: DeadLetter['reason'],
  { jobs, now }: DeadLetterServices,
): Promise<void> {
  const event: BlobCreated | undefined = parsed(parseBlobCreated, body);
  if (event === undefined) return;
  const jobId = jobIdOf({ blob: event.blobName, etag: event.etag });
  const end = { status: 'failed', reason, finishedAt: now().toISOString() } as const;
  const failed = await jobs.update(jobId, ['received', 'splitting'], end);
  if (failed?.status === 'failed') tellFinished(failed);
}

async function failChunk(body: string, reason: DeadLetter['reason'], services: DeadLetterServices): Promise<void> {
  const message: ChunkMessage | undefined = parsed(parseChunkMessage, body);
  if (message === undefined) return;
  const { jobId, chunk, attempt } = message;
  const part = partName(chunk, attempt);
  const { job, part: counted } = await services.jobs.readWithPart(jobId, part);
  if (job === undefined || counted !== undefined) return;
  const faults = await chunkFaults(job, message, reason, services);
  const [rows, retried] = [message.lines?.length ?? message.rows, message.lines?.length ?? 0];
  await endPart({ job, part: { part, chunk, range: placeOf(message) }, faults, rows, retried }, services);
}

async function failEnrollments(
  body: string,
  reason: DeadLetter['reason'],
  services: DeadLetterServices,
): Promise<void> {
  const message: EnrollmentMessage | undefined = parsed(parseEnrollmentMessage, body);
  if (message === undefined) return;
  const { jobId, chunk, attempt } = message;
  const part = partName(chunk, attempt, 'enrollments');
  const { job, part: counted } = await services.jobs.readWithPart(jobId, part);
  if (job === undefined || counted !== undefined) return;
  const archive = await findArchive(services.bundles, `${jobId}/${partName(chunk, attempt)}.zip`);
  const faults = [...(archive?.values() ?? [])].flatMap(({ info: { individual, line, deviceId } }): RowFault[] =>
    individual === undefined
      ? []
      : [{ line, source: individual.source, value: deviceId, code: 'gave-up', message: reason.message }],
  );
  await endPart({ job, part: { part, chunk }, faults, rows: faults.length, retried: 0 }, services);
}

/** One fault a row of the chunk; a manifest that is gone leaves only the figures. */
async function chunkFaults(
  job: Job,
  message: ChunkMessage,
  reason: DeadLetter['reason'],
  services: DeadLetterServices,
): Promise<RowFault[]> {
  const { manifests, groups } = services;
  const { shape, defaultGroup, manifest } = job;
  if (shape === undefined) return [];
  const { start, end, firstLine } = message;
  try {
    const bytes = await manifests.readRange(manifest.blob, { offset: start, length: end - start, etag: manifest.etag });
    const known = await groups.directory();
    const read = createRowReader({ shape, defaultGroup, group: (id) => known.get(id)?.value.definition });
    const { requests, faults } = read(bytes, firstLine);
    const lost = requests.map(({ line, source, deviceId }): RowFault => {
      return { line, source, column: 'deviceId', value: deviceId, code: 'gave-up', message: reason.message };
    });
    const wanted = ({ line }: RowFault) => message.lines?.includes(line) ?? true;
    return [...faults, ...lost].filter(wanted);
  } catch (error) {
    if (error instanceof FleetError && error.code === 'manifest-gone') return [];
    throw error;
  }
}

interface EndedPart {
  readonly job: Job;
  readonly part: Pick<Part, 'part' | 'chunk' | 'range'>;
  readonly faults: readonly RowFault[];
  /** Rows that the part had. */
  readonly rows: number;
  /** Rows of them that were counted as failed before, where the part was a retry. */
  readonly retried: number;
}

/**
 * Ends a part that nobody could finish: a row whose device was recorded in time is provisioned, every other one lets go
 * of its device and is counted as failed.
 */
async function endPart({ job, part, faults, rows, retried }: EndedPart, services: DeadLetterServices): Promise<void> {
  const { devices, jobs, reports, now } = services;
  const at = now().toISOString();
  const given = faults.filter(({ code, value }) => code === 'gave-up' && value !== undefined);
  const records = await devices.read(given.map(({ value }) => value ?? ''));
  const held = given.flatMap((fault, index) => {
    const record = records[index];
    const ours = record?.value.claim.jobId === job.jobId && record.value.claim.line === fault.line;
    return ours ? [{ fault, record }] : [];
  });
  const done = held.filter(({ record }) => record.value.status === 'provisioned' || record.value.status === 'assigned');
  const open = held.filter(({ record }) => record.value.status === 'claimed');
  await replaceRecords(
    devices,
    open.map(({ fault, record }) => ({ ...record, value: failedRecord(record.value, fault, at) })),
  );

  const saved = new Set(done.map(({ fault }) => fault));
  const results = done.map(({ fault, record }) => resultRow(fault.line, record.value, 'provisioned'));
  const lost = faults.filter((fault) => !saved.has(fault));
  const report = `${job.jobId}/${part.part}.json`;
  await writeChunkReport(reports, report, { results, faults: lost });
  const rejected = lost.filter(({ code }) => !isOurs(code)).length;
  const failed = rows - results.length - rejected - retried;
  const outcome = { provisioned: results.length, unchanged: 0, rejected, failed, cancelled: 0 };
  await countPart(jobs, job.jobId, { ...part, outcome, finishedAt: at, report }, lost, now());
}
