import { createHash } from 'node:crypto';
import type { DeviceRecord, DeviceStore } from '../devices/device.ts';
import type { Groups } from '../enrollment/groups.ts';
import { FleetError, isRetriable } from '../errors.ts';
import { countPart, failUndispatched } from '../jobs/count-part.ts';
import type { DeadLetter, DeadLetterStore } from '../jobs/dead-letters.ts';
import type { JobStore } from '../jobs/job.ts';
import { archiveName, type Job, jobIdOf, type Part, partName, reportName } from '../jobs/job.ts';
import {
  type ChunkMessage,
  decodedBody,
  type EnrollmentMessage,
  parseChunkMessage,
  parseEnrollmentMessage,
  placeOf,
} from '../jobs/messages.ts';
import { writeChunkReport } from '../jobs/reports.ts';
import type { RowError } from '../manifest/manifest.ts';
import { createRowReader } from '../manifest/rows.ts';
import { type BlobCreated, parseBlobCreated } from '../manifest/upload-event.ts';
import { queues } from '../resource-names.ts';
import type { BlobStore, MessageQueue, Versioned } from '../storage.ts';
import { findArchive } from './steps/commit.ts';
import { failedRecord, replaceRecords, resultRow } from './steps/record.ts';

export interface DeadLetterServices {
  readonly deadLetters: DeadLetterStore;
  readonly jobs: JobStore;
  readonly devices: DeviceStore;
  readonly groups: Groups;
  readonly manifests: BlobStore;
  readonly bundles: BlobStore;
  readonly reports: BlobStore;
  readonly enrollmentQueue: MessageQueue<EnrollmentMessage>;
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
  if (queue === queues.uploads) await failManifest(body, reason, services);
  if (queue === queues.chunks) await failChunk(body, reason, services);
  if (queue === queues.enrollments) await failEnrollments(body, reason, services);
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
  await failUndispatched(jobId, reason, { jobs, now });
}

async function failChunk(body: string, reason: DeadLetter['reason'], services: DeadLetterServices): Promise<void> {
  const message: ChunkMessage | undefined = parsed(parseChunkMessage, body);
  if (message === undefined) return;
  const { jobId, chunk, attempt } = message;
  const part = partName(chunk, attempt);
  const { job, part: counted } = await services.jobs.readWithPart(jobId, part);
  if (job === undefined || counted !== undefined) return;
  const faults = await chunkFaults(job, message, reason, services);
  const enrolling = await leaveToEnrollment(job, message, faults, services);
  const [rows, retried] = [message.lines?.length ?? message.rows, message.lines?.length ?? 0];
  const others = faults.filter(({ line }) => !enrolling.has(line));
  const ended = { faults: others, rows: rows - enrolling.size, retried };
  await endPart({ job, part: { part, chunk, range: placeOf(message) }, ...ended }, services);
}

/**
 * Rows that an individual enrollment was on the way for are counted by that part of the job, as they are when all goes
 * well. Its message may have been sent or not; a second one changes nothing. What was not recorded in time is let go of.
 * @returns their lines
 */
async function leaveToEnrollment(
  job: Job,
  { chunk, attempt }: ChunkMessage,
  faults: readonly RowError[],
  services: DeadLetterServices,
): Promise<ReadonlySet<number>> {
  const { jobId } = job;
  const rows = await enrollingRows({ jobId, chunk, attempt }, services);
  const lines = new Set(rows?.map(({ line }) => line));
  if (lines.size === 0) return lines;
  const held = await heldBy(
    job,
    faults.filter(({ line }) => lines.has(line)),
    services,
  );
  await letGo(
    held.filter(({ record }) => record.value.identity === undefined),
    services,
  );
  await services.enrollmentQueue.send([{ jobId, chunk, attempt }]);
  return lines;
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
  const rows = (await enrollingRows(message, services)) ?? (await enrollingRecords(message, services));
  const faults = rows.map(({ line, source, deviceId }): RowError => {
    return { line, source, value: deviceId, code: 'gave-up', message: reason.message };
  });
  await endPart({ job, part: { part, chunk }, faults, rows: faults.length, retried: 0 }, services);
}

interface EnrollingRow {
  readonly line: number;
  readonly source: string;
  readonly deviceId: string;
}

/** The rows of a chunk that have an individual enrollment, by its archive. @returns undefined when there is none */
async function enrollingRows(
  message: EnrollmentMessage,
  services: DeadLetterServices,
): Promise<readonly EnrollingRow[] | undefined> {
  const { jobId, chunk, attempt } = message;
  try {
    const archive = await findArchive(services.bundles, archiveName(jobId, partName(chunk, attempt)));
    if (archive === undefined) return undefined;
    return [...archive.values()].flatMap(({ info: { individual, line, deviceId } }) =>
      individual === undefined ? [] : [{ line, source: individual.source, deviceId }],
    );
  } catch (error) {
    if (error instanceof FleetError && error.code === 'archive-damaged') return enrollingRecords(message, services);
    throw error;
  }
}

/** The same by the records of their devices, which are issued and wait for DPS, or have its answer. */
async function enrollingRecords(
  message: EnrollmentMessage,
  services: DeadLetterServices,
): Promise<readonly EnrollingRow[]> {
  const rows: EnrollingRow[] = [];
  for await (const { id, claim, status, identity, failure, history } of recordsOf(message, services)) {
    const answered = failure?.code === 'enrollment-refused' || history.some(({ event }) => event === 'enrolled');
    if (identity !== undefined && (status === 'claimed' || answered))
      rows.push({ line: claim.line, source: '', deviceId: id });
  }
  return rows;
}

/** One fault a row of the chunk; where the manifest is gone, one a row that holds a device. */
async function chunkFaults(
  job: Job,
  message: ChunkMessage,
  reason: DeadLetter['reason'],
  services: DeadLetterServices,
): Promise<RowError[]> {
  const { manifests, groups } = services;
  const { shape, defaultGroup, manifest } = job;
  if (shape === undefined) return [];
  const { start, end, firstLine } = message;
  try {
    const bytes = await manifests.readRange(manifest.blob, { offset: start, length: end - start, etag: manifest.etag });
    const known = await groups.directory();
    const read = createRowReader({ shape, defaultGroup, group: (id) => known.get(id)?.value.definition });
    const { requests, faults } = read(bytes, firstLine);
    const lost = requests.map(({ line, source, deviceId }): RowError => {
      return { line, source, column: 'deviceId', value: deviceId, code: 'gave-up', message: reason.message };
    });
    const wanted = ({ line }: RowError) => message.lines?.includes(line) ?? true;
    return [...faults, ...lost].filter(wanted);
  } catch (error) {
    if (error instanceof FleetError && error.code === 'manifest-gone') return claimFaults(message, reason, services);
    throw error;
  }
}

/** The rows of a chunk as the records of their devices tell them: nobody else knows, and nobody else would free them. */
async function claimFaults(
  message: ChunkMessage,
  reason: DeadLetter['reason'],
  services: DeadLetterServices,
): Promise<RowError[]> {
  const faults: RowError[] = [];
  for await (const { id, claim } of recordsOf(message, services)) {
    const at = { line: claim.line, source: '', column: 'deviceId', value: id };
    faults.push({ ...at, code: 'gave-up', message: reason.message });
  }
  return faults;
}

/** The records that an attempt at a chunk holds. */
async function* recordsOf(
  { jobId, chunk, attempt }: EnrollmentMessage,
  { devices }: DeadLetterServices,
): AsyncIterable<DeviceRecord> {
  let continuation: string | undefined;
  do {
    const page = await devices.list({ jobId }, { size: 1000, continuation });
    yield* page.items.filter(({ claim }) => claim.chunk === chunk && claim.attempt === attempt);
    continuation = page.continuation;
  } while (continuation !== undefined);
}

interface EndedPart {
  readonly job: Job;
  readonly part: Pick<Part, 'part' | 'chunk' | 'range'>;
  readonly faults: readonly RowError[];
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
  const { jobs, reports, now } = services;
  const at = now().toISOString();
  const held = await heldBy(job, faults, services);
  const done = held.filter(({ record }) => record.value.status === 'provisioned' || record.value.status === 'assigned');
  await letGo(held, services);

  const saved = new Set(done.map(({ fault }) => fault));
  const results = done.map(({ fault, record }) => resultRow(fault.line, record.value, 'provisioned'));
  const lost = faults.filter((fault) => !saved.has(fault));
  const report = reportName(job.jobId, part.part);
  await writeChunkReport(reports, report, { results, faults: lost });
  const rejected = lost.filter(({ code }) => !isRetriable(code)).length;
  const failed = rows - results.length - rejected - retried;
  const outcome = { provisioned: results.length, unchanged: 0, rejected, failed, cancelled: 0 };
  await countPart(jobs, job.jobId, { ...part, outcome, finishedAt: at, report }, lost, now());
}

interface HeldRow {
  readonly fault: RowError;
  readonly record: Versioned<DeviceRecord>;
}

/** Those of the rows given up that hold a device, by its record. */
async function heldBy(
  { jobId }: Job,
  faults: readonly RowError[],
  { devices }: DeadLetterServices,
): Promise<HeldRow[]> {
  const given = faults.filter(({ code, value }) => code === 'gave-up' && value !== undefined);
  const records = await devices.read(given.map(({ value }) => value ?? ''));
  return given.flatMap((fault, index) => {
    const record = records[index];
    return record?.value.claim.jobId === jobId && record.value.claim.line === fault.line ? [{ fault, record }] : [];
  });
}

/** Frees the devices that are claimed and no more than that. */
async function letGo(held: readonly HeldRow[], { devices, now }: DeadLetterServices): Promise<void> {
  const open = held.filter(({ record }) => record.value.status === 'claimed');
  const at = now().toISOString();
  await replaceRecords(
    devices,
    open.map(({ fault, record }) => ({ ...record, value: failedRecord(record.value, fault, at) })),
  );
}
