import type { BlobStore } from '../blobs.ts';
import type { RowFault } from '../manifest/manifest.ts';
import type { ResultRow } from '../manifest/report.ts';
import { type ChunkReport, readChunkReport } from '../provision/chunk-report.ts';
import type { Part, RowCounts } from './job.ts';
import type { JobStore } from './job-store.ts';

export interface ReportSources {
  readonly jobs: JobStore;
  readonly reports: BlobStore;
}

/** Rows that were rejected or failed, in order of their chunks. */
export async function* jobFaults(jobId: string, sources: ReportSources): AsyncIterable<RowFault> {
  const hasFaults = ({ rejected, failed }: Part['outcome']) => rejected + failed > 0;
  for await (const { faults } of chunkReports(jobId, hasFaults, sources)) yield* faults;
}

/** Rows that are provisioned or were already, in order of their chunks. */
export async function* jobResults(jobId: string, sources: ReportSources): AsyncIterable<ResultRow> {
  const hasResults = ({ provisioned, unchanged }: Part['outcome']) => provisioned + unchanged > 0;
  for await (const { results } of chunkReports(jobId, hasResults, sources)) yield* results;
}

async function* chunkReports(
  jobId: string,
  wanted: (outcome: Omit<RowCounts, 'total'>) => boolean,
  { jobs, reports }: ReportSources,
): AsyncIterable<ChunkReport> {
  for await (const { outcome, report } of jobs.parts(jobId)) {
    if (report !== undefined && wanted(outcome)) yield await readChunkReport(reports, report);
  }
}
