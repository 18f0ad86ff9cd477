import { FleetError } from '../errors.ts';
import type { RowError } from '../manifest/manifest.ts';
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

async function readChunkReport(reports: BlobStore, name: string): Promise<ChunkReport> {
  const body = await reports.read(name);
  if (body === undefined) throw new FleetError('not-found', `The report ${name} was deleted.`);
  return JSON.parse(body.toString('utf8')) as ChunkReport;
}

/**
 * The outcome of each row of one chunk, in order of lines, from all of its counted parts. A row that was tried again is in the
 * report of each attempt; the latest one counts.
 * @throws FleetError `not-found` when a report was deleted, `throttled`, `unavailable`
 */
export async function rowOutcomes(parts: readonly Part[], reports: BlobStore): Promise<ChunkReport> {
  const outcomes = new Map<number, { result: ResultRow } | { fault: RowError }>();
  const inOrder = [...parts].sort((a, b) => partAttempt(a.part) - partAttempt(b.part));
  for (const { report } of inOrder) {
    if (report === undefined) continue;
    const { results, faults } = await readChunkReport(reports, report);
    for (const result of results) outcomes.set(result.line, { result });
    for (const fault of faults) outcomes.set(fault.line, { fault });
  }
  const rows = [...outcomes].sort(([a], [b]) => a - b).map(([, outcome]) => outcome);
  return {
    results: rows.flatMap((row) => ('result' in row ? [row.result] : [])),
    faults: rows.flatMap((row) => ('fault' in row ? [row.fault] : [])),
  };
}

export interface ReportSources {
  readonly jobs: JobStore;
  readonly reports: BlobStore;
}

/** Rows that were rejected or failed, and that no retry has provisioned since, in order of the manifest. */
export async function* jobErrors(jobId: string, { jobs, reports }: ReportSources): AsyncIterable<RowError> {
  for await (const parts of chunksWith(['rejected', 'failed'], jobId, jobs)) {
    yield* (await rowOutcomes(parts, reports)).faults;
  }
}

/** Rows that are provisioned, or were before, in order of the manifest. */
export async function* jobResults(jobId: string, { jobs, reports }: ReportSources): AsyncIterable<ResultRow> {
  for await (const parts of chunksWith(['provisioned', 'unchanged'], jobId, jobs)) {
    yield* (await rowOutcomes(parts, reports)).results;
  }
}

/** The parts of each chunk that counted such rows. The reports of other chunks need not be read. */
async function* chunksWith(
  outcomes: readonly Exclude<keyof RowCounts, 'total'>[],
  jobId: string,
  jobs: JobStore,
): AsyncIterable<readonly Part[]> {
  const wanted = (parts: readonly Part[]) => parts.some(({ outcome }) => outcomes.some((name) => outcome[name] > 0));
  let parts: Part[] = [];
  // Parts come in order of their names, which begin with the chunk.
  for await (const part of jobs.parts(jobId)) {
    if (parts[0] !== undefined && parts[0].chunk !== part.chunk) {
      if (wanted(parts)) yield parts;
      parts = [];
    }
    parts.push(part);
  }
  if (wanted(parts)) yield parts;
}
