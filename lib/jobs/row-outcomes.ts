import type { BlobStore } from '../blobs.ts';
import type { RowFault } from '../manifest/manifest.ts';
import type { ResultRow } from '../manifest/report.ts';
import { type ChunkReport, readChunkReport } from '../provision/chunk-report.ts';
import { type Part, partAttempt } from './job.ts';

/**
 * What became of each row of one chunk, in order of lines, from all of its counted parts. A row that was tried again has
 * a line in the report of each attempt; the latest is what holds.
 */
export async function rowOutcomes(parts: readonly Part[], reports: BlobStore): Promise<ChunkReport> {
  const outcomes = new Map<number, { result: ResultRow } | { fault: RowFault }>();
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
