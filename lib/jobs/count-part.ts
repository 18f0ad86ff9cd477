import type { ErrorCode } from '../errors.ts';
import { currentLog } from '../log.ts';
import { metrics } from '../telemetry.ts';
import { finalStatus, type Job, type JobStore, type Part, waiting } from './job.ts';

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
  for (const [outcome, rows] of Object.entries(part.outcome)) if (rows > 0) metrics.rows.add(rows, { outcome });
  for (const [code, { length }] of Map.groupBy(faults, (fault) => fault.code)) metrics.rejections.add(length, { code });
  currentLog().info('part counted', { jobId, chunk: part.chunk, part: part.part, ...part.outcome });
  await finishIfDone(jobs, job, at);
}

/** Ends a job once no row of it waits. Whoever comes last does it; doing it twice changes nothing. */
export async function finishIfDone(jobs: JobStore, job: Job, at: Date): Promise<void> {
  const status = finalStatus(job.counts);
  const ended = job.finishedAt !== undefined && job.status === status;
  if (ended || job.counts.total === 0 || waiting(job.counts) > 0) return;
  // A retry ends a job a second time, with fewer failed rows. One that failed half sent may have been sent after all.
  const from = ['provisioning', 'cancelled', 'completedWithErrors', 'failed'] as const;
  const change = { status, finishedAt: at.toISOString() };
  const finished = await jobs.update(
    job.jobId,
    from,
    job.status === 'failed' ? { ...change, reason: undefined } : change,
  );
  if (finished !== undefined) tellFinished(finished);
}

/**
 * Fails a job whose messages were not all sent, so that no row waits for what nobody will send. Chunks that were sent and
 * are not begun drop out as they come up. A redrive begins it again from where a new one would.
 */
export async function failUndispatched(
  jobId: string,
  reason: Job['reason'],
  { jobs, now }: { readonly jobs: JobStore; readonly now: () => Date },
): Promise<void> {
  const job = await jobs.read(jobId);
  if (job === undefined || job.dispatchedAt !== undefined || job.finishedAt !== undefined) return;
  const end = { status: 'failed', reason, finishedAt: now().toISOString() } as const;
  const failed = await jobs.update(jobId, ['received', 'splitting', 'provisioning', 'cancelled'], end);
  if (failed?.status === 'failed') tellFinished(failed);
}

/** One line about a job that ended. infra/azure/app/alerts.bicep reads it. */
function tellFinished({ jobId, status, reason, counts }: Job): void {
  currentLog().info('job finished', { jobId, status, code: reason?.code, ...counts });
}
