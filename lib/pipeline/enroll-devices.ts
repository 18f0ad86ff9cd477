import type { DeviceStore } from '../devices/device.ts';
import { type DeviceRecord, withEvent } from '../devices/device.ts';
import { mergeTwins } from '../devices/twin.ts';
import { type Enrollments, enrollmentsPerCall, type IndividualEnrollment } from '../enrollment/enrollments.ts';
import type { Groups } from '../enrollment/groups.ts';
import { FleetError } from '../errors.ts';
import { countPart, finishIfDone } from '../jobs/count-part.ts';
import type { JobStore } from '../jobs/job.ts';
import { archiveName, partName, reportName } from '../jobs/job.ts';
import type { EnrollmentMessage } from '../jobs/messages.ts';
import { writeChunkReport } from '../jobs/reports.ts';
import type { RowError } from '../manifest/manifest.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import { type RetryOptions, retrying } from '../retry.ts';
import type { BlobStore, MessageQueue, Versioned } from '../storage.ts';
import { findArchive } from './steps/commit.ts';
import type { Issued } from './steps/issue.ts';
import { failedRecord, replaceRecords, resultRow } from './steps/record.ts';

export interface EnrollServices {
  readonly jobs: JobStore;
  readonly devices: DeviceStore;
  readonly groups: Groups;
  readonly bundles: BlobStore;
  readonly reports: BlobStore;
  readonly enrollments: Enrollments;
  /** Where messages come from. */
  readonly enrollmentQueue: MessageQueue<EnrollmentMessage>;
  readonly pace: RateLimiter;
  readonly retry: RetryOptions;
  readonly now: () => Date;
}

/**
 * How long one message is worked on before the rest of it is put back: an instance has up to 4 (host.json, batchSize and
 * newBatchThreshold) that do so one after another, and none may outlast functionTimeout, 30 minutes. A DPS with a small
 * quota would take hours for a chunk.
 */
const longestRunMilliseconds = 4 * 60 * 1000;

/** A device of the chunk that has an individual enrollment, and its record. */
interface Row {
  readonly issued: Issued;
  readonly record: Versioned<DeviceRecord>;
}

/**
 * Enrolls the devices of one chunk that have an individual enrollment each, 10 a call and no faster than DPS allows.
 * A second delivery goes on where the first one ended and counts nothing twice.
 */
export async function enrollIndividuals(message: EnrollmentMessage, services: EnrollServices): Promise<void> {
  const { jobs, devices, bundles, reports, now } = services;
  const { jobId, chunk, attempt } = message;
  const part = partName(chunk, attempt, 'enrollments');
  const { job, part: counted } = await jobs.readWithPart(jobId, part);
  if (job === undefined) {
    throw new FleetError(
      'message-invalid',
      `Queue "individual-enrollments" names a job that does not exist: ${jobId}.`,
    );
  }
  if (counted !== undefined) return finishIfDone(jobs, job, now());

  const name = archiveName(jobId, partName(chunk, attempt));
  const archive = await findArchive(bundles, name);
  // It was committed before the message was sent.
  if (archive === undefined) throw new FleetError('archive-damaged', `The archive ${name} is no longer there.`);
  const issued = [...archive.values()].map((entry) => entry.info).filter((info) => info.individual !== undefined);
  const records = await devices.read(issued.map((info) => info.deviceId));
  const rows: Row[] = [];
  const lost: RowError[] = [];
  for (const [index, info] of issued.entries()) {
    const record = records[index];
    if (record !== undefined && isHeldBy(record.value, info, jobId)) rows.push({ issued: info, record });
    else lost.push(lostFault(info));
  }

  const settled = rows
    .filter(({ record }) => record.value.status !== 'claimed')
    .map((row) => ({ ...row, record: row.record.value }));
  const open = rows.filter(({ record }) => record.value.status === 'claimed');
  const began = now().getTime();
  for (let from = 0; from < open.length; from += enrollmentsPerCall) {
    // As a new message, so that it does not use up deliveries. What is done is recorded, and the next run finds it so.
    if (now().getTime() - began > longestRunMilliseconds) return services.enrollmentQueue.send([message]);
    settled.push(...(await enrollBatch(open.slice(from, from + enrollmentsPerCall), services)));
  }

  const results = settled
    .filter(({ record }) => record.status !== 'failed')
    .map((row) => resultRow(row.issued.line, row.record, 'provisioned'));
  const failed = settled
    .filter(({ record }) => record.status === 'failed')
    .map(({ issued, record }) => faultOf(issued, record));
  const faults = [...failed, ...lost].sort((a, b) => a.line - b.line);
  const report = reportName(jobId, part);
  await writeChunkReport(reports, report, { results, faults });
  const outcome = { provisioned: results.length, unchanged: 0, rejected: 0, failed: faults.length, cancelled: 0 };
  await countPart(jobs, jobId, { part, chunk, outcome, finishedAt: now().toISOString(), report }, faults, now());
}

/** One bulk call to DPS, and the records that follow from its answer. */
async function enrollBatch(batch: readonly Row[], services: EnrollServices) {
  const { groups, devices, enrollments, pace, retry, now } = services;
  const directory = await groups.directory();
  const entries = batch.map(({ issued, record }): IndividualEnrollment => {
    const definition = directory.get(issued.enrollmentGroup)?.value.definition;
    if (definition === undefined)
      throw new FleetError('concurrent-change', `Enrollment group "${issued.enrollmentGroup}" is gone.`);
    const twin = mergeTwins(definition.initialTwin, record.value.twin ?? { tags: {}, desired: {} });
    return { deviceId: issued.deviceId, certificatePem: issued.individual?.certificatePem ?? '', definition, twin };
  });

  // Whether DPS counts a bulk call once or once an entry is not documented; entries is the safe reading.
  await pace.acquire(entries.length);
  const answers = await retrying(() => enrollments.enroll(entries), retry);

  const at = now().toISOString();
  const written = batch.map(({ issued, record }, index) => {
    const fault = answers[index];
    const message = fault && `DPS refused the enrollment: ${fault.errorCode} ${fault.message}`;
    const value =
      message === undefined
        ? enrolled(record.value, at)
        : failedRecord(record.value, { code: 'enrollment-refused', message }, at);
    return { issued, record: { value, etag: record.etag } };
  });
  await replaceRecords(
    devices,
    written.map(({ record }) => record),
  );
  return written.map(({ issued, record }) => ({ issued, record: record.value }));
}

function enrolled(record: DeviceRecord, at: string): DeviceRecord {
  return {
    ...record,
    status: 'provisioned',
    statusSince: at,
    history: withEvent(record.history, { at, event: 'enrolled' }),
  };
}

/** The device is still this job's, with the certificate of this archive. */
function isHeldBy(record: DeviceRecord, issued: Issued, jobId: string): boolean {
  return (
    record.claim.jobId === jobId && record.claim.line === issued.line && record.serialNumber === issued.serialNumber
  );
}

/** A device that its row had let go of belongs to whoever claimed it then. */
function lostFault({ line, deviceId, individual }: Issued): RowError {
  const message = 'Another row took the device over before it was enrolled.';
  return {
    line,
    source: individual?.source ?? '',
    column: 'deviceId',
    value: deviceId,
    code: 'chunk-superseded',
    message,
  };
}

function faultOf({ line, deviceId, individual }: Issued, { failure }: DeviceRecord): RowError {
  const { code = 'enrollment-refused', message = '' } = failure ?? {};
  return { line, source: individual?.source ?? '', column: 'deviceId', value: deviceId, code, message };
}
