import type { DeviceRecord } from '../devices/device.ts';
import type { ErrorCode } from '../errors.ts';
import type { RowCounts } from '../jobs/job.ts';
import type { RowFault } from '../manifest/manifest.ts';
import type { ResultRow } from '../manifest/report.ts';
import type { ClaimedRow, UnchangedRow } from '../pipeline/steps/claim.ts';
import type { Committed } from '../pipeline/steps/commit.ts';
import type { Stored } from '../stored.ts';
import type { ChunkReport } from './chunk-report.ts';
import { failedRecord, issuedRecord } from './record.ts';

/** What became of a chunk: the records to write, the report, and what the job's counters move by. */
export interface ChunkOutcome {
  readonly records: readonly Stored<DeviceRecord>[];
  readonly report: ChunkReport;
  readonly counts: Omit<RowCounts, 'total'>;
  /** Rows that wait for their individual enrollment and are counted after it. */
  readonly enrolling: number;
}

export interface ChunkFindings {
  readonly claimed: readonly ClaimedRow[];
  readonly unchanged: readonly UnchangedRow[];
  /** Of rows that hold no device. */
  readonly faults: readonly RowFault[];
  /** Of rows that hold one and let it go. */
  readonly rowFaults: readonly { readonly row: ClaimedRow; readonly fault: RowFault }[];
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
  const records: Stored<DeviceRecord>[] = [];
  const results: ResultRow[] = unchanged.map(({ request, record }) => resultRow(request.line, record, 'unchanged'));
  const isEnrolled = ({ value, line }: RowFault) => {
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

  const failed = faults.filter(({ code }) => isOurs(code)).length;
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

const ours: ReadonlySet<ErrorCode> = new Set([
  'chunk-superseded',
  'device-busy',
  'gave-up',
  'bundle-invalid',
  'group-refused',
  'enrollment-refused',
]);

/** `failed` rows need nothing but another try or an operator; `rejected` rows have to be mended by who sent them. */
export function isOurs(code: ErrorCode): boolean {
  return ours.has(code);
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

function superseded({ request: { line, source, deviceId } }: ClaimedRow): RowFault {
  const message = 'Another delivery of the chunk was committed without this row.';
  return { line, source, column: 'deviceId', value: deviceId, code: 'chunk-superseded', message };
}
