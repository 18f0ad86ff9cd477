import type { ArchiveIndexEntry } from '../../bundle/archive.ts';
import { type DeviceRecord, type DeviceStatus, type DeviceStore, withEvent } from '../../devices/device.ts';
import { isEmptyTwin } from '../../devices/twin.ts';
import { FleetError, isRetriable } from '../../errors.ts';
import type { RowCounts } from '../../jobs/job.ts';
import type { ChunkReport } from '../../jobs/reports.ts';
import type { DeviceRequest, RowError } from '../../manifest/manifest.ts';
import type { ResultRow } from '../../manifest/report.ts';
import type { Versioned } from '../../storage.ts';
import type { ClaimedRow, UnchangedRow } from './claim.ts';
import type { Committed } from './commit.ts';
import type { Issued } from './issue.ts';

/** What became of a chunk: the records to write, the report, and what the job's counters move by. */
export interface ChunkOutcome {
  readonly records: readonly Versioned<DeviceRecord>[];
  readonly report: ChunkReport;
  readonly counts: Omit<RowCounts, 'total'>;
  /** Rows that wait for their individual enrollment and are counted after it. */
  readonly enrolling: number;
}

export interface ChunkFindings {
  readonly claimed: readonly ClaimedRow[];
  readonly unchanged: readonly UnchangedRow[];
  /** Of rows that hold no device. */
  readonly faults: readonly RowError[];
  /** Of rows that hold one and let it go. */
  readonly rowFaults: readonly { readonly row: ClaimedRow; readonly fault: RowError }[];
  readonly committed: Committed;
  readonly archive: string;
  readonly at: string;
}

/**
 * Every row gets exactly one outcome. Whether it waits for an individual enrollment is what the archive says and not its
 * group, whose definition may have changed since: the archive is what the enrollments are made from.
 */
export function settleRows(findings: ChunkFindings): ChunkOutcome {
  const { claimed, unchanged, rowFaults, committed, archive, at } = findings;
  const records: Versioned<DeviceRecord>[] = [];
  const results: ResultRow[] = unchanged.map(({ request, record }) => resultRow(request.line, record, 'unchanged'));
  const isEnrolled = ({ value, line }: RowError) => {
    const info = committed.get(value ?? '')?.info;
    return info?.line === line && info.individual !== undefined;
  };
  // Of these DPS has refused the enrollment already, and the part of the job that counts enrollments says so.
  const faults = findings.faults.filter((fault) => !isEnrolled(fault));
  const faultOf = new Map(rowFaults.map(({ row, fault }) => [row.request.line, fault]));
  let enrolling = findings.faults.length - faults.length;
  let provisioned = 0;

  for (const row of claimed) {
    const { request, record } = row;
    const entry = committed.get(request.deviceId);
    if (entry === undefined) {
      const fault = faultOf.get(request.line) ?? superseded(row);
      faults.push(fault);
      if (record.value.status === 'claimed') records.push({ ...record, value: failedRecord(record.value, fault, at) });
      continue;
    }
    const individual = entry.info.individual !== undefined;
    const status = individual ? 'claimed' : 'provisioned';
    const written = issuedRecord(record.value, request, entry, { archive, status, at });
    // A row of an earlier delivery may be recorded already, and the device even assigned: leave it so.
    if (record.value.identity === undefined) records.push({ ...record, value: written });
    if (individual) enrolling += 1;
    else {
      provisioned += 1;
      results.push(resultRow(request.line, written, 'provisioned'));
    }
  }

  const failed = faults.filter(({ code }) => isRetriable(code)).length;
  return {
    records,
    report: { results, faults: faults.sort((a, b) => a.line - b.line) },
    counts: {
      provisioned,
      unchanged: unchanged.length,
      rejected: faults.length - failed,
      failed,
      cancelled: 0,
    },
    enrolling,
  };
}

export function resultRow(line: number, record: DeviceRecord, status: ResultRow['status']): ResultRow {
  return {
    line,
    deviceId: record.id,
    status,
    enrollmentGroup: record.enrollmentGroup,
    serialNumber: record.serialNumber,
    sha256Thumbprint: record.identity?.sha256Thumbprint ?? '',
    notAfter: record.identity?.notAfter ?? '',
  };
}

function superseded({ request: { line, source, deviceId } }: ClaimedRow): RowError {
  const message = 'Another delivery of the chunk was committed without this row.';
  return { line, source, column: 'deviceId', value: deviceId, code: 'chunk-superseded', message };
}

/** The record of a device whose bundle lies in a committed archive. */
function issuedRecord(
  record: DeviceRecord,
  request: DeviceRequest,
  entry: ArchiveIndexEntry<Issued>,
  { archive, status, at }: { archive: string; status: DeviceStatus; at: string },
): DeviceRecord {
  const { sha1Thumbprint, sha256Thumbprint, notBefore, notAfter, mediaType, serialNumber } = entry.info;
  const twin = { tags: request.tags, desired: request.desired };
  return {
    ...record,
    status,
    statusSince: at,
    serialNumber,
    ...(isEmptyTwin(twin) ? {} : { twin }),
    identity: { sha1Thumbprint, sha256Thumbprint, notBefore, notAfter },
    bundle: { archive, offset: entry.offset, length: entry.length, fileName: entry.name, mediaType },
    history: withEvent(record.history, { at, event: 'issued', detail: `certificate ${serialNumber}` }),
  };
}

/** The record of a device that its row lets go of, so that another row may claim it. */
export function failedRecord(
  record: DeviceRecord,
  { code, message }: Pick<RowError, 'code' | 'message'>,
  at: string,
): DeviceRecord {
  const history = withEvent(record.history, { at, event: 'failed', detail: code });
  return { ...record, status: 'failed', statusSince: at, failure: { code, message }, history };
}

/**
 * Writes the records over the claims they were made from. A claim that changed meanwhile was recorded by another
 * delivery of the same row, which is as good where it says the same; anything else is tried again with the chunk, so
 * that no row is counted as what its device is not.
 */
export async function replaceRecords(devices: DeviceStore, records: readonly Versioned<DeviceRecord>[]): Promise<void> {
  if (records.length === 0) return;
  const etags = await devices.replace(records);
  const lost = records.filter((_, index) => etags[index] === undefined);
  if (lost.length === 0) return;
  const current = await devices.read(lost.map(({ value }) => value.id));
  for (const [index, { value }] of lost.entries()) {
    const found = current[index]?.value;
    if (found === undefined || !saysTheSame(found, value))
      throw new FleetError('concurrent-change', `The record of device ${value.id} changed while it was written.`);
  }
}

function saysTheSame(found: DeviceRecord, wanted: DeviceRecord): boolean {
  const { jobId, line, attempt } = found.claim;
  const { claim } = wanted;
  if (claim.jobId !== jobId || claim.line !== line || claim.attempt !== attempt) return false;
  if (wanted.status === 'failed') return found.status === 'failed';
  const further = found.status === wanted.status || found.status === 'provisioned' || found.status === 'assigned';
  return further && found.identity?.sha256Thumbprint === wanted.identity?.sha256Thumbprint;
}
