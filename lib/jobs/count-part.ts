import type { ErrorCode } from '../errors.ts';
import { currentLog } from '../log.ts';
import { figures } from '../telemetry.ts';
import { finishIfDone } from './finish.ts';
import type { Part } from './job.ts';
import type { JobStore } from './job-store.ts';

/**
 * Counts a part of a job, tells of it, and ends the job if it was the last. `faults` are those of its rows.
 * The figures of a part that two workers count at the same moment are told twice; the job's own counters are exact.
 */
export async function countPart(
  jobs: JobStore,
  jobId: string,
  part: Part,
  faults: readonly { readonly code: ErrorCode }[],
  at: Date,
): Promise<void> {
  const job = await jobs.count(jobId, part);
  // A retry takes back what was counted as failed before; a figure only grows.
  for (const [outcome, rows] of Object.entries(part.outcome)) if (rows > 0) figures.rows.add(rows, { outcome });
  for (const [code, { length }] of Map.groupBy(faults, (fault) => fault.code)) figures.rejections.add(length, { code });
  currentLog().info('part counted', { jobId, chunk: part.chunk, part: part.part, ...part.outcome });
  await finishIfDone(jobs, job, at);
}
