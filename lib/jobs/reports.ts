import type { BlobStore } from '../blobs.ts';
import type { RowFault } from '../manifest/manifest.ts';
import type { ResultRow } from '../manifest/report.ts';
import type { Part, RowCounts } from './job.ts';
import type { JobStore } from './job-store.ts';
import { rowOutcomes } from './row-outcomes.ts';

export interface ReportSources {
  readonly jobs: JobStore;
  readonly reports: BlobStore;
}

/** Rows that were rejected or failed, and not mended by a retry since, in order of the manifest. */
export async function* jobFaults(jobId: string, { jobs, reports }: ReportSources): AsyncIterable<RowFault> {
  for await (const parts of chunksWith(['rejected', 'failed'], jobId, jobs)) {
    yield* (await rowOutcomes(parts, reports)).faults;
  }
}

/** Rows that are provisioned or were already, in order of the manifest. */
export async function* jobResults(jobId: string, { jobs, reports }: ReportSources): AsyncIterable<ResultRow> {
  for await (const parts of chunksWith(['provisioned', 'unchanged'], jobId, jobs)) {
    yield* (await rowOutcomes(parts, reports)).results;
  }
}

/** The parts of each chunk that counted such rows; of other chunks no report has to be read. */
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
