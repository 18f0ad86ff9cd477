import type { ErrorCode } from '../errors.ts';
import { currentLog } from '../log.ts';
import { metrics } from '../telemetry.ts';
import { finalStatus, isRetrying, type Job, type JobStore, type Part, waiting } from './job.ts';

/**
 * Counts a part of a job, reports it to metrics and log, and ends the job if no row waits. Two workers that count one part at
 * the same moment both report it; the job's own counters are exact.
 * @param faults the errors of the part's rows
 * @throws FleetError `throttled`, `unavailable`
 */
export async function countPart(
  jobs: JobStore,
  jobId: string,
  part: Part,
  faults: readonly { readonly code: ErrorCode }[],
  at: Date,
): Promise<void> {
  const job = await jobs.count(jobId, part);
  // A retry takes back rows that were counted as failed; a metric only grows.
  for (const [outcome, rows] of Object.entries(part.outcome)) if (rows > 0) metrics.rows.add(rows, { outcome });
  for (const [code, { length }] of Map.groupBy(faults, (fault) => fault.code)) metrics.rejections.add(length, { code });
  currentLog().info('part counted', { jobId, chunk: part.chunk, part: part.part, ...part.outcome });
  await finishIfDone(jobs, job, at);
}

/** Ends a job if no row of it waits or is tried again. Doing it twice changes nothing. */
export async function finishIfDone(jobs: JobStore, job: Job, at: Date): Promise<void> {
  const status = finalStatus(job.counts);
  const ended = job.finishedAt !== undefined && job.status === status;
  if (ended || job.counts.total === 0 || waiting(job.counts) > 0 || isRetrying(job)) return;
  // A retry ends a job a second time, with fewer failed rows. A job that failed while its messages were being sent may have
  // sent them all.
  const from = ['provisioning', 'cancelled', 'completedWithErrors', 'failed'] as const;
  const change = { status, finishedAt: at.toISOString() };
  const finished = await jobs.update(
    job.jobId,
    from,
    job.status === 'failed' ? { ...change, reason: undefined } : change,
  );
  if (finished !== undefined) logFinished(finished);
}

/**
 * Fails a job whose messages were not all sent, so that no row waits for a message that never comes. Chunks that were sent
 * and not begun are dropped as they come. A redrive of the dead letter begins the job again.
 */
export async function failUndispatched(
  jobId: string,
  reason: Job['reason'],
  { jobs, now }: { readonly jobs: JobStore; readonly now: () => Date },
): Promise<void> {
  const job = await jobs.read(jobId);
  if (job === undefined || job.dispatchedAt !== undefined || job.finishedAt !== undefined) return;
  const end = { status: 'failed', reason, finishedAt: now().toISOString() } as const;
  const failed = await jobs.update(jobId, ['received', 'splitting', 'provisioning', 'checking', 'cancelled'], end);
  if (failed?.status === 'failed') logFinished(failed);
}

/** Logs that a job ended. infra/azure/app/alerts.bicep waits for this line. */
export function logFinished({ jobId, status, reason, counts }: Job): void {
  currentLog().info('job finished', { jobId, status, code: reason?.code, ...counts });
}
