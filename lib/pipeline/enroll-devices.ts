import { certificatesOf, supersedeOthers } from '../devices/certificates.ts';
import { type DeviceRecord, type EnrollmentSeen, withEvent } from '../devices/device.ts';
import { failedRecord, failureOf } from '../devices/reissue.ts';
import { mergeTwins } from '../devices/twin.ts';
import {
  describeEntry,
  type EnrollmentError,
  enrollmentsPerCall,
  type IndividualEnrollment,
  isEnrollmentFailure,
} from '../enrollment/enrollments.ts';
import { type FailureReason, FleetError, isRetriable } from '../errors.ts';
import { dpsOf } from '../groups/dps-instance.ts';
import { inForce } from '../groups/group.ts';
import { countPart, finishIfDone } from '../jobs/count-part.ts';
import { archiveName, partName, reportName } from '../jobs/job.ts';
import type { EnrollmentMessage } from '../jobs/messages.ts';
import { resultRow, writeChunkReport } from '../jobs/reports.ts';
import type { RowError } from '../manifest/manifest.ts';
import { queues } from '../resource-names.ts';
import { retrying } from '../retry.ts';
import type { Versioned } from '../storage.ts';
import type { Ports } from './ports.ts';
import { deviceError, recordsOfAttempt } from './steps/claim.ts';
import { findArchive } from './steps/commit.ts';
import type { Issued } from './steps/issue.ts';
import { writeRecords } from './steps/record.ts';

export type EnrollPorts = Pick<
  Ports,
  'jobs' | 'devices' | 'groups' | 'bundles' | 'reports' | 'enrollments' | 'enrollmentQueue' | 'retry' | 'now'
>;

/**
 * How long one message is worked on before the rest of it is put back on the queue. An instance takes up to 4 messages
 * (host.json: batchSize and newBatchThreshold), works on them one after another, and none may outlast functionTimeout, 30
 * minutes. With a small quota of DPS a chunk takes hours.
 */
const longestRunMs = 4 * 60 * 1000;

/** A row of the chunk that has an individual enrollment. */
interface EnrollingRow {
  readonly deviceId: string;
  readonly line: number;
  readonly source: string;
  readonly enrollmentGroup: string;
  readonly serialNumber: string;
}

/** The row and the record of its device. */
interface HeldRow<Row extends EnrollingRow = EnrollingRow> {
  readonly row: Row;
  readonly record: Versioned<DeviceRecord>;
}

/**
 * Enrolls the devices of one chunk that have an individual enrollment each: 10 per call, no faster than DPS allows. A second
 * delivery continues where the first one ended, and counts nothing twice.
 * @throws FleetError `message-invalid` for a job that does not exist, `archive-damaged`; and where trying again can help:
 * `throttled`, `unavailable`, `concurrent-change`
 */
export async function enrollDevices(message: EnrollmentMessage, ports: EnrollPorts): Promise<void> {
  const { jobs, bundles, enrollmentQueue, now } = ports;
  const { jobId, chunk, attempt } = message;
  const { job, part: counted } = await jobs.readWithPart(jobId, partName(chunk, attempt, 'enrollments'));
  if (job === undefined)
    throw new FleetError('message-invalid', `Queue "${queues.enrollments}" names a job that does not exist: ${jobId}.`);
  if (counted !== undefined) return finishIfDone(ports, job, now());

  const name = archiveName(jobId, partName(chunk, attempt));
  const archive = await findArchive(name, bundles);
  // The archive was committed before the message was sent.
  if (archive === undefined) throw new FleetError('archive-damaged', `The archive ${name} was deleted.`);
  const rows = [...archive.values()].flatMap(({ info }) => enrollingRow(info));
  const { held, errors } = await heldRows(rows, message, ports);

  const adopt = job.adopt === true || message.adopt === true;
  const [open, done] = partition(held, ({ record }) => record.value.status === 'claimed');
  const startedAt = now().getTime();
  let isCut = false;
  async function enrollAll(rows: readonly HeldRow<CertifiedRow>[]): Promise<void> {
    for (let from = 0; from < rows.length; from += enrollmentsPerCall) {
      isCut ||= now().getTime() - startedAt > longestRunMs;
      if (isCut) return;
      done.push(...(await enrollBatch(rows.slice(from, from + enrollmentsPerCall), adopt, ports)));
    }
  }
  // Each DPS instance has its own quota, and one that does not answer does not keep the rows of the others waiting.
  const byInstance = await rowsByInstance(open, ports);
  const ends = await Promise.allSettled(byInstance.map(enrollAll));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  // A new message does not use up deliveries. The records written so far tell the next run what is done.
  if (isCut) return enrollmentQueue.send([message]);
  await recordEnrollments(message, done, errors, ports);
}

async function rowsByInstance(
  rows: readonly HeldRow<CertifiedRow>[],
  { groups }: EnrollPorts,
): Promise<readonly (readonly HeldRow<CertifiedRow>[])[]> {
  const directory = await groups.directory();
  const byInstance = Map.groupBy(rows, ({ row }) => dpsOf(directory.get(row.enrollmentGroup)?.value.definition ?? {}));
  return [...byInstance.values()];
}

/**
 * Gives up the enrollments of a chunk whose deliveries all failed. Enrolled devices count as provisioned. Every other row
 * counts as failed with the reason and releases its device, and a retry of the job takes it up. Enrollments that are counted
 * stay as they are, and the job is ended if the earlier delivery was cut before that.
 * @throws FleetError `concurrent-change`, `throttled`, `unavailable`
 */
export async function abandonEnrollments(
  message: EnrollmentMessage,
  reason: FailureReason,
  ports: EnrollPorts,
): Promise<void> {
  const { jobs, devices, now } = ports;
  const { jobId, chunk, attempt } = message;
  const { job, part: counted } = await jobs.readWithPart(jobId, partName(chunk, attempt, 'enrollments'));
  if (job === undefined) return;
  if (counted !== undefined) return finishIfDone(ports, job, now());

  const rows = (await readableRows(message, ports)) ?? (await rowsByRecords(message, ports));
  const { held, errors } = await heldRows(rows, message, ports);
  const [open, done] = partition(held, ({ record }) => record.value.status === 'claimed');
  const at = now().toISOString();
  const released = open.map(({ row, record }): HeldRow => {
    const value = failedRecord(record.value, { code: 'gave-up', message: reason.message }, at);
    return { row, record: { ...record, value } };
  });
  await writeRecords(
    devices,
    released.map(({ record }) => record),
  );
  await recordEnrollments(message, [...done, ...released], errors, ports);
}

/** One bulk call to DPS, and the records that follow from its answer. */
async function enrollBatch(
  batch: readonly HeldRow<CertifiedRow>[],
  adopt: boolean,
  { groups, devices, enrollments, retry, now }: EnrollPorts,
): Promise<HeldRow<CertifiedRow>[]> {
  const directory = await groups.directory();
  const entries = batch.map(({ row, record }): IndividualEnrollment => {
    const { deviceId, enrollmentGroup, certificatePem } = row;
    const group = directory.get(enrollmentGroup);
    if (group === undefined)
      throw new FleetError('concurrent-change', `Enrollment group "${enrollmentGroup}" was deleted.`);
    const { definition } = inForce(group.value);
    const twin = mergeTwins(definition.initialTwin, record.value.twin ?? { tags: {}, desired: {} });
    const mayWrite = () => isStillClaimed(record.value, devices);
    return { deviceId, certificatePem, definition, twin, own: ownMarks(record.value), adopt, mayWrite };
  });

  const answers = await retrying(() => enrollments.enroll(entries), retry);

  const at = now().toISOString();
  const answered = batch.map(({ row, record }, index) => {
    const refused = answers[index];
    const value =
      refused === undefined
        ? enrolledRecord(record.value, entries[index]?.definition.provisioningStatus, at)
        : failedRecord(record.value, enrollmentFailure(row.deviceId, refused), at);
    return { row, record: { value, etag: record.etag } };
  });
  await writeRecords(
    devices,
    answered.map(({ record }) => record),
  );
  return answered;
}

/** Whether the device is still to be enrolled with this certificate. An operator can have revoked it meanwhile. */
async function isStillClaimed(
  { id, serialNumber }: DeviceRecord,
  devices: Pick<Ports['devices'], 'read'>,
): Promise<boolean> {
  const latest = (await devices.read([id])).get(id)?.value;
  return latest?.status === 'claimed' && latest.serialNumber === serialNumber;
}

/** Writes the report of the enrollments, then counts them as one part of the job. */
async function recordEnrollments(
  { jobId, chunk, attempt }: EnrollmentMessage,
  ended: readonly HeldRow[],
  lost: readonly RowError[],
  ports: EnrollPorts,
): Promise<void> {
  const { reports, now } = ports;
  const [failed, provisioned] = partition(ended, ({ record }) => failureOf(record.value) !== undefined);
  const results = provisioned.map(({ row, record }) => resultRow(row.line, record.value, 'provisioned'));
  const errors = [...failed.map(enrollmentError), ...lost].sort((a, b) => a.line - b.line);
  const part = partName(chunk, attempt, 'enrollments');
  const report = reportName(jobId, part);
  await writeChunkReport(reports, report, { results, faults: errors });
  const again = errors.filter(({ code }) => isRetriable(code)).length;
  const counts = { rejected: errors.length - again, failed: again };
  const outcome = { provisioned: results.length, unchanged: 0, ...counts, cancelled: 0 };
  await countPart(ports, jobId, { part, chunk, outcome, finishedAt: now().toISOString(), report }, errors, now());
}

/** The rows whose device is still theirs, with the certificate of this archive; an error for each of the others. */
async function heldRows<Row extends EnrollingRow>(
  rows: readonly Row[],
  { jobId }: EnrollmentMessage,
  { devices }: EnrollPorts,
): Promise<{ readonly held: HeldRow<Row>[]; readonly errors: RowError[] }> {
  const records = await devices.read(rows.map(({ deviceId }) => deviceId));
  const held: HeldRow<Row>[] = [];
  const errors: RowError[] = [];
  for (const row of rows) {
    const record = records.get(row.deviceId);
    const { claim, serialNumber } = record?.value ?? {};
    const isHeld = claim?.jobId === jobId && claim.line === row.line && serialNumber === row.serialNumber;
    const { failedReissue } = record?.value ?? {};
    if (record !== undefined && isHeld) held.push({ row, record });
    else if (failedReissue?.serialNumber === row.serialNumber)
      errors.push(deviceError(row, failedReissue.code, failedReissue.message));
    else errors.push(deviceError(row, 'chunk-superseded', 'Another row claimed the device before it was enrolled.'));
  }
  return { held, errors };
}

interface CertifiedRow extends EnrollingRow {
  readonly certificatePem: string;
}

/** The row of an archive entry, where it has an individual enrollment. */
function enrollingRow({ deviceId, line, enrollmentGroup, serialNumber, individual }: Issued): CertifiedRow[] {
  return individual === undefined ? [] : [{ deviceId, line, enrollmentGroup, serialNumber, ...individual }];
}

/** The rows of the archive. @returns undefined where the archive is gone or damaged */
async function readableRows(
  { jobId, chunk, attempt }: EnrollmentMessage,
  { bundles }: EnrollPorts,
): Promise<readonly EnrollingRow[] | undefined> {
  try {
    const archive = await findArchive(archiveName(jobId, partName(chunk, attempt)), bundles);
    return archive && [...archive.values()].flatMap(({ info }) => enrollingRow(info));
  } catch (error) {
    if (error instanceof FleetError && error.code === 'archive-damaged') return undefined;
    throw error;
  }
}

/** The same rows by the records of their devices: those that wait for DPS, and those that DPS has answered. */
async function rowsByRecords(message: EnrollmentMessage, { devices }: EnrollPorts): Promise<readonly EnrollingRow[]> {
  const rows: EnrollingRow[] = [];
  for await (const { value } of recordsOfAttempt(message, devices)) {
    const { id: deviceId, claim, status, identity, history, enrollmentGroup, failedReissue } = value;
    const { serialNumber } = failedReissue ?? value;
    const answered = isEnrollmentFailure(failureOf(value)?.code) || history.some(({ event }) => event === 'enrolled');
    if (identity !== undefined && (status === 'claimed' || answered))
      rows.push({ deviceId, line: claim.line, source: '', enrollmentGroup, serialNumber });
  }
  return rows;
}

/** Certificates, and the mark of a block, by which an enrollment is known as ours. The record of an earlier version names only its present one. */
function ownMarks({ enrolledCertificates, identity, deletion }: DeviceRecord): readonly string[] {
  const certificates = enrolledCertificates ?? (identity === undefined ? [] : [identity.sha256Thumbprint]);
  return deletion?.block === undefined ? certificates : [...certificates, deletion.block];
}

function enrollmentFailure(
  deviceId: string,
  { exists, errorCode, message }: EnrollmentError,
): Pick<RowError, 'code' | 'message'> {
  if (exists === undefined) {
    return { code: 'enrollment-refused', message: `DPS refused the enrollment: ${errorCode} ${message}` };
  }
  const found = `DPS has an individual enrollment "${deviceId}" that this deployment did not create, so it is not overwritten.`;
  return { code: 'enrollment-exists', message: `${found} ${describeEntry(exists)}` };
}

function enrolledRecord(
  record: DeviceRecord,
  provisioningStatus: EnrollmentSeen['provisioningStatus'],
  at: string,
): DeviceRecord {
  const { deletion: _deletion, before: _before, ...rest } = record;
  const { identity } = record;
  return {
    ...rest,
    status: 'provisioned',
    statusSince: at,
    certificates: supersedeOthers(certificatesOf(record), record.serialNumber, at),
    ...(identity !== undefined && {
      enrolledCertificates: [identity.sha256Thumbprint],
      enrolled: {
        seenAt: at,
        sha256Thumbprint: identity.sha256Thumbprint,
        ...(provisioningStatus !== undefined && { provisioningStatus }),
      },
    }),
    history: withEvent(record.history, { at, event: 'enrolled' }),
  };
}

function enrollmentError({ row, record }: HeldRow): RowError {
  const { code = 'enrollment-refused', message = '' } = failureOf(record.value) ?? {};
  return deviceError(row, code, message);
}

/** @returns the items that match, and the others */
function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
