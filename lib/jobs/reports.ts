import type { DeviceRecord, DeviceStore } from '../devices/device.ts';
import { failureOf } from '../devices/reissue.ts';
import { type RowError, rowError } from '../manifest/manifest.ts';
import type { ResultRow } from '../manifest/report.ts';
import type { BlobStore } from '../storage.ts';
import { type JobStore, type Part, partAttempt, type RowCounts } from './job.ts';

/** The outcome of each row of one counted part. The reports of a job are these, one after another. */
export interface ChunkReport {
  readonly results: readonly ResultRow[];
  readonly faults: readonly RowError[];
}

export async function writeChunkReport(reports: BlobStore, name: string, report: ChunkReport): Promise<void> {
  await reports.write(name, Buffer.from(JSON.stringify(report)), { contentType: 'application/json' });
}

/** @returns undefined when the report was deleted or is not what this app wrote */
async function readChunkReport(reports: BlobStore, name: string): Promise<ChunkReport | undefined> {
  const body = await reports.read(name);
  try {
    const report = body && (JSON.parse(body.toString('utf8')) as Partial<ChunkReport>);
    if (Array.isArray(report?.results) && Array.isArray(report.faults)) return report as ChunkReport;
  } catch {
    // Cut off or overwritten: handled as if it were deleted.
  }
  return undefined;
}

/** The outcome of each row of a chunk, and how many rows are missing from both lists because a report was deleted. */
export interface ChunkOutcomes extends ChunkReport {
  readonly missing: { readonly results: number; readonly faults: number };
}

export interface OutcomeSources {
  readonly reports: BlobStore;
  readonly devices: Pick<DeviceStore, 'list'>;
}

/** Reads the outcome of each row, chunk by chunk. One reader per job: it reads the job's device records once at most. */
export interface OutcomeReader {
  /**
   * The outcome of each row of one chunk, in order of lines, from all of its counted parts. A row that was tried again is in
   * the report of each attempt; the latest one counts. If a report was deleted, rows are taken from the device records, which
   * know the rows that hold a device or failed with one.
   * @throws FleetError `throttled`, `unavailable`
   */
  chunk(parts: readonly Part[]): Promise<ChunkOutcomes>;
}

type RowOutcome = { readonly attempt: number } & ({ readonly result: ResultRow } | { readonly fault: RowError });

export function createOutcomeReader(jobId: string, { reports, devices }: OutcomeSources): OutcomeReader {
  /** By chunk. Some 300 bytes per row, and read only when a report is missing. */
  let recorded: Promise<ReadonlyMap<number, readonly RowOutcome[]>> | undefined;

  return {
    async chunk(parts) {
      const outcomes = new Map<number, RowOutcome>();
      const unread = new Set<number>();
      const inOrder = [...parts].sort((a, b) => partAttempt(a.part) - partAttempt(b.part));
      for (const { part, report } of inOrder) {
        if (report === undefined) continue;
        const attempt = partAttempt(part);
        const read = await readChunkReport(reports, report);
        if (read === undefined) unread.add(attempt);
        for (const result of read?.results ?? []) outcomes.set(result.line, { attempt, result });
        for (const fault of read?.faults ?? []) outcomes.set(fault.line, { attempt, fault });
      }
      if (unread.size > 0) {
        recorded ??= recordedOutcomes(jobId, devices);
        for (const outcome of (await recorded).get(parts[0]?.chunk ?? -1) ?? []) {
          const line = lineOf(outcome);
          const reported = outcomes.get(line)?.attempt ?? 0;
          if (unread.has(outcome.attempt) && reported < outcome.attempt) outcomes.set(line, outcome);
        }
      }
      const rows = [...outcomes].sort(([a], [b]) => a - b).map(([, outcome]) => outcome);
      const results = rows.flatMap((row) => ('result' in row ? [row.result] : []));
      const faults = rows.flatMap((row) => ('fault' in row ? [row.fault] : []));
      const counted = (names: readonly Exclude<keyof RowCounts, 'total'>[]) =>
        parts.reduce((sum, { outcome }) => sum + names.reduce((rowSum, name) => rowSum + (outcome[name] ?? 0), 0), 0);
      const missing = {
        results: Math.max(0, counted(['provisioned', 'unchanged', 'checked']) - results.length),
        faults: Math.max(0, counted(['rejected', 'failed']) - faults.length),
      };
      return { results, faults, missing };
    },
  };
}

const lineOf = (outcome: RowOutcome): number => ('result' in outcome ? outcome.result.line : outcome.fault.line);

async function recordedOutcomes(
  jobId: string,
  devices: Pick<DeviceStore, 'list'>,
): Promise<ReadonlyMap<number, readonly RowOutcome[]>> {
  const chunks = new Map<number, RowOutcome[]>();
  let continuation: string | undefined;
  do {
    const page = await devices.list({ jobId }, { size: 1000, continuation });
    for (const record of page.items) {
      const outcome = recordedOutcome(record);
      if (outcome === undefined) continue;
      const { chunk } = record.claim;
      const rows = chunks.get(chunk) ?? [];
      rows.push(outcome);
      chunks.set(chunk, rows);
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
  return chunks;
}

function recordedOutcome(record: DeviceRecord): RowOutcome | undefined {
  const { id, claim, status } = record;
  const { line, attempt } = claim;
  const failure = failureOf(record);
  if (failure === undefined && (status === 'provisioned' || status === 'assigned'))
    return { attempt, result: resultRow(line, record, 'provisioned') };
  if (failure === undefined) return undefined;
  const { code, message } = failure;
  const fault = rowError({ line, source: '' }, { code, message, column: 'deviceId', value: id });
  return { attempt, fault };
}

export function resultRow(line: number, record: DeviceRecord, status: 'provisioned' | 'unchanged'): ResultRow {
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

export interface ReportSources extends OutcomeSources {
  readonly jobs: JobStore;
}

/**
 * Rows that were rejected or failed, and that no retry has provisioned since, in order of the manifest. One error with the
 * code `report-missing` stands for the rows of a chunk that are in no report.
 */
export async function* jobErrors(jobId: string, sources: ReportSources): AsyncIterable<RowError> {
  const reader = createOutcomeReader(jobId, sources);
  for await (const parts of chunksWith(['rejected', 'failed'], jobId, sources.jobs)) {
    const { faults, missing } = await reader.chunk(parts);
    yield* missingErrors(parts, missing.faults);
    yield* faults;
  }
}

/** Rows that are provisioned, were before, or would be after a dry run, in order of the manifest; with a row per chunk of which rows are missing. */
export async function* jobResults(jobId: string, sources: ReportSources): AsyncIterable<ResultRow> {
  const reader = createOutcomeReader(jobId, sources);
  for await (const parts of chunksWith(['provisioned', 'unchanged', 'checked'], jobId, sources.jobs)) {
    const { results, missing } = await reader.chunk(parts);
    yield* missingResults(parts, missing.results);
    yield* results;
  }
}

/** @returns one error that stands for rows of a chunk that are in no report; none if no rows are missing */
export function missingErrors(parts: readonly Part[], rows: number): RowError[] {
  if (rows === 0) return [];
  const { line, text } = gapOf(parts, rows);
  return [rowError({ line, source: '' }, { code: 'report-missing', message: text })];
}

/** @returns one row that stands for rows of a chunk that are in no report; none if no rows are missing */
export function missingResults(parts: readonly Part[], rows: number): ResultRow[] {
  if (rows === 0) return [];
  const { line, text } = gapOf(parts, rows);
  const nothing = { deviceId: '', enrollmentGroup: '', serialNumber: '', sha256Thumbprint: '', notAfter: '' };
  return [{ line, status: `report-missing: ${text}`, ...nothing }];
}

/** The line on which the chunk begins, 0 if that is not known, and what is missing, as a sentence. */
function gapOf(parts: readonly Part[], rows: number): { readonly line: number; readonly text: string } {
  const range = parts.find((part) => part.range !== undefined)?.range;
  const place = range === undefined ? '' : `, whose ${range.rows} rows begin on line ${range.firstLine}`;
  const [{ chunk } = { chunk: 0 }] = parts;
  return { line: range?.firstLine ?? 0, text: `${rows} rows of chunk ${chunk}${place}, are in no report.` };
}

/**
 * The parts of each chunk that counted such rows. The reports of other chunks need not be read.
 * @param from name of the first part to read; the first one of its chunk
 */
export async function* chunksWith(
  outcomes: readonly Exclude<keyof RowCounts, 'total'>[],
  jobId: string,
  jobs: JobStore,
  from?: string,
): AsyncIterable<readonly Part[]> {
  const wanted = (parts: readonly Part[]) =>
    parts.some(({ outcome }) => outcomes.some((name) => (outcome[name] ?? 0) > 0));
  let parts: Part[] = [];
  // Parts come in order of their names, which begin with the chunk.
  for await (const part of jobs.parts(jobId, from)) {
    if (parts[0] !== undefined && parts[0].chunk !== part.chunk) {
      if (wanted(parts)) yield parts;
      parts = [];
    }
    parts.push(part);
  }
  if (wanted(parts)) yield parts;
}
