import type { ArchiveIndexEntry } from '../../bundle/archive.ts';
import { certificatesOf, formerCertificateNames, supersedeOthers, withIssued } from '../../devices/certificates.ts';
import {
  type DeviceRecord,
  type DeviceStatus,
  type DeviceStore,
  withEnrolledCertificate,
  withEvent,
} from '../../devices/device.ts';
import { failedRecord, failureOf } from '../../devices/reissue.ts';
import { planRenewal } from '../../devices/renewal-plan.ts';
import { isEmptyTwin } from '../../devices/twin.ts';
import { isEnrollmentFailure } from '../../enrollment/enrollments.ts';
import { FleetError, isRetriable } from '../../errors.ts';
import { defaultDps, dpsOf } from '../../groups/dps-instance.ts';
import { countPart } from '../../jobs/count-part.ts';
import { archiveName, partName, type RowCounts, reportName } from '../../jobs/job.ts';
import { type ChunkMessage, placeOf, severalDps } from '../../jobs/messages.ts';
import { type ChunkReport, resultRow, writeChunkReport } from '../../jobs/reports.ts';
import type { DeviceRequest, RowError } from '../../manifest/manifest.ts';
import type { Repairs } from '../../manifest/repairs.ts';
import type { ResultRow } from '../../manifest/report.ts';
import type { Versioned } from '../../storage.ts';
import { step } from '../../telemetry.ts';
import type { Ports } from '../ports.ts';
import type { ClaimedRow, ClaimRecord, UnchangedRow } from './claim.ts';
import type { Committed } from './commit.ts';
import { fenceRecords } from './fence.ts';
import { certificatesIn, type Issued } from './issue.ts';
import { nameUnused } from './name-unused.ts';

/** How each row of a chunk ended: the records to write, the report, and what the job's counters move by. */
export interface ChunkOutcome {
  readonly records: readonly ClaimRecord[];
  readonly report: ChunkReport;
  readonly counts: Omit<RowCounts, 'total'>;
  /** Rows that wait for their individual enrollment. They are counted by the enrollments part of the chunk. */
  readonly enrolling: number;
  /** Repairs to the rows. */
  readonly repairs?: Repairs;
  /** Devices that have a certificate of the chunk, in enrollment groups. */
  readonly given: readonly DeviceRecord[];
  /** Entries of the archive whose devices did not get their certificates. */
  readonly unused: readonly ArchiveIndexEntry<Issued>[];
}

export interface SettleOptions {
  readonly claimed: readonly ClaimedRow[];
  readonly unchanged: readonly UnchangedRow[];
  /** Errors of the rows that hold no device. */
  readonly errors: readonly RowError[];
  readonly committed: Committed;
  /** The error of a row that holds a device, and that is not recorded as issued. */
  readonly unissued: (row: ClaimedRow) => RowError;
  /** Whether rows of the archive that are not recorded yet become issued (default), or get the error of `unissued`. */
  readonly recordsArchive?: boolean;
  /** Name of the archive. */
  readonly archive: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/**
 * Gives every row exactly one outcome. The archive, and not the group, says whether a row waits for an individual
 * enrollment: the group may have been declared again since, and enrollments are made from the archive.
 */
export function settleRows(options: SettleOptions): ChunkOutcome {
  const { claimed, unchanged, committed, unissued, recordsArchive = true, archive, at } = options;
  const records: ClaimRecord[] = [];
  const results: ResultRow[] = unchanged.map(({ request, record }) => resultRow(request.line, record, 'unchanged'));
  // DPS refused the enrollments of these rows in an earlier delivery: the enrollments part counts them.
  const errors = options.errors.filter((error) => !isEnrolling(error, committed));
  const unused = new Map(committed);
  const given: DeviceRecord[] = [];
  let enrolling = options.errors.length - errors.length;
  let provisioned = 0;

  for (const row of claimed) {
    const { request, record } = row;
    const entry = committed.get(request.deviceId);
    const individual = entry === undefined ? isIndividual(record.value) : entry.info.individual !== undefined;
    let value = record.value;
    // A record that an earlier delivery wrote stays: the device may even be assigned by now.
    if (value.identity === undefined) {
      if (entry !== undefined && recordsArchive) {
        value = issuedRecord(value, request, entry, { archive, status: individual ? 'claimed' : 'provisioned', at });
      } else {
        const error = unissued(row);
        value = failedRecord(value, error, at);
        if (!individual) errors.push(error);
      }
      records.push({ ...record, value });
    }
    if (failureOf(value) === undefined) unused.delete(request.deviceId);
    if (individual) {
      enrolling += 1;
    } else if (failureOf(value) === undefined) {
      provisioned += 1;
      given.push(value);
      results.push(resultRow(request.line, value, 'provisioned'));
    }
  }

  const failed = errors.filter(({ code }) => isRetriable(code)).length;
  return {
    records,
    report: { results, faults: errors.sort((a, b) => a.line - b.line) },
    counts: { provisioned, unchanged: unchanged.length, rejected: errors.length - failed, failed, cancelled: 0 },
    enrolling,
    given,
    unused: [...unused.values()],
  };
}

/**
 * Step 7: writes the device records, takes back what is of a CA that was removed or blocked meanwhile, then writes the report, then the chunk and the job's counters together. A crash in between
 * leaves the chunk uncounted, and the next delivery finds the records as they are.
 * @throws FleetError `concurrent-change`, `throttled`, `unavailable`
 */
export function recordOutcome(
  message: ChunkMessage,
  { records, report, counts, enrolling, repairs, given, unused }: ChunkOutcome,
  ports: RecordPorts,
): Promise<void> {
  const { devices, reports, enrollmentQueue, now } = ports;
  const { jobId, chunk, attempt, adopt, lines = [] } = message;
  const part = partName(chunk, attempt);
  const name = reportName(jobId, part);
  return step('7 record', { jobId, chunk, attempt }, async () => {
    await writeRecords(devices, records);
    await fenceRecords(given, ports);
    await nameUnused(unused, { attempt: message, archive: archiveName(jobId, part), faults: report.faults }, ports);
    await writeChunkReport(reports, name, report);
    if (enrolling > 0) {
      const dps = await instanceFor(records, ports);
      await enrollmentQueue.send([
        { jobId, chunk, attempt, ...(adopt && { adopt }), ...(dps !== defaultDps && { dps }) },
      ]);
    }
    // Retried rows are still counted as failed; subtract them.
    const outcome = { ...counts, failed: counts.failed - lines.length };
    const finishedAt = now().toISOString();
    const retried = message.lines === undefined ? {} : { retried: message.lines.length };
    const counted = { part, chunk, outcome, ...retried, finishedAt, range: placeOf(message), report: name, repairs };
    await countPart(ports, jobId, counted, report.faults, now());
  });
}

export type RecordPorts = Pick<
  Ports,
  'devices' | 'delegatedCas' | 'bundles' | 'reports' | 'jobs' | 'enrollmentQueue' | 'now'
> & {
  readonly groups: Pick<Ports['groups'], 'directory' | 'latest'>;
};

/**
 * The DPS instance of the devices that wait for an individual enrollment: one worker at a time asks each instance. A delivery that
 * finds them recorded names `default`, which only means that it waits for another worker.
 */
async function instanceFor(records: readonly ClaimRecord[], { groups }: RecordPorts): Promise<string> {
  const directory = await groups.directory();
  const waiting = records.filter(({ value }) => value.status === 'claimed');
  const names = new Set(
    waiting.map(({ value }) => dpsOf(directory.get(value.enrollmentGroup)?.value.definition ?? {})),
  );
  const [only = defaultDps] = names;
  return names.size > 1 ? severalDps : only;
}

/** The error is about a row with an individual enrollment: its archive says so, or the error itself, where DPS refused it. */
function isEnrolling({ value, line, code }: RowError, committed: Committed): boolean {
  if (isEnrollmentFailure(code)) return true;
  const info = committed.get(value ?? '')?.info;
  return info?.line === line && info.individual !== undefined;
}

/** The device is recorded as issued, and waits for its individual enrollment or has it. */
function isIndividual({ status, identity, history }: DeviceRecord): boolean {
  return identity !== undefined && (status === 'claimed' || history.some(({ event }) => event === 'enrolled'));
}

/** The record of a device whose bundle is in a committed archive. */
function issuedRecord(
  record: DeviceRecord,
  request: DeviceRequest,
  entry: ArchiveIndexEntry<Issued>,
  { archive, status, at }: { archive: string; status: DeviceStatus; at: string },
): DeviceRecord {
  const { sha1Thumbprint, sha256Thumbprint, notBefore, notAfter, mediaType, serialNumber } = entry.info;
  const { individual, renewal } = entry.info;
  const { deletion, before, ...claim } = record;
  const twin = { tags: request.tags, desired: request.desired };
  const certificates = withIssued(certificatesOf(record), certificatesIn(entry.info, at), at);
  // A device with an individual enrollment uses its former certificate until DPS accepts the new one (enroll-devices.ts).
  const names = formerCertificateNames({ ...record, certificates });
  return {
    ...claim,
    certificates: individual === undefined ? supersedeOthers(certificates, serialNumber, at) : certificates,
    ...(names.length > 0 && { formerCertificateNames: names }),
    // Step 4 has removed the block of a deleted device, unless the individual enrollment is to replace it.
    ...(individual !== undefined && deletion !== undefined && { deletion }),
    ...(individual !== undefined && before !== undefined && { before }),
    status,
    statusSince: at,
    serialNumber,
    ...(!isEmptyTwin(twin) && { twin }),
    identity: { sha1Thumbprint, sha256Thumbprint, notBefore, notAfter },
    ...(renewal !== undefined && { renewal: planRenewal(renewal, { notBefore, notAfter }) }),
    // Stored before the enrollment is sent, so that it is known as ours whatever happens then.
    ...(individual !== undefined && {
      enrolledCertificates: withEnrolledCertificate(record.enrolledCertificates ?? [], sha256Thumbprint),
    }),
    bundle: {
      archive,
      offset: entry.offset,
      length: entry.length,
      sha256: entry.sha256,
      fileName: entry.name,
      mediaType,
    },
    history: withEvent(record.history, { at, event: 'issued', detail: `certificate ${serialNumber}` }),
  };
}

/**
 * Creates the records of new devices, and writes the others over the claims they were made from. A record that is there in the
 * meantime, or has changed, was written by another delivery of the same row. If it says the same, it is as good as ours.
 * @throws FleetError `concurrent-change` if it says something else, or another row made the device: no row may be counted as what
 * its device is not. The next delivery compares the row with that record, and names the certificate that it has in the archive.
 */
export async function writeRecords(
  devices: Pick<DeviceStore, 'create' | 'read' | 'replace'>,
  records: readonly ClaimRecord[],
): Promise<void> {
  const creations: DeviceRecord[] = [];
  const changes: Versioned<DeviceRecord>[] = [];
  for (const { value, etag } of records) {
    if (etag === undefined) creations.push(value);
    else changes.push({ value, etag });
  }
  const created = creations.length === 0 ? [] : (await devices.create(creations)).conflicts;
  const changed = changes.length === 0 ? [] : (await devices.replace(changes)).conflicts;
  const conflicts = [...created, ...changed];
  if (conflicts.length === 0) return;
  const current = await devices.read(conflicts.map(({ id }) => id));
  for (const wanted of conflicts) {
    const found = current.get(wanted.id)?.value;
    if (found === undefined || !saysTheSame(found, wanted))
      throw new FleetError('concurrent-change', `The record of device ${wanted.id} changed while it was written.`);
  }
}

function saysTheSame(found: DeviceRecord, wanted: DeviceRecord): boolean {
  const { jobId, line, attempt } = found.claim;
  const { claim } = wanted;
  if (claim.jobId !== jobId || claim.line !== line || claim.attempt !== attempt) return false;
  if (failureOf(wanted) !== undefined) return failureOf(found) !== undefined;
  const further = found.status === wanted.status || found.status === 'provisioned' || found.status === 'assigned';
  return further && found.identity?.sha256Thumbprint === wanted.identity?.sha256Thumbprint;
}
