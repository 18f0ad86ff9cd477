import { unknownActor } from '../access/act.ts';
import { FleetError } from '../errors.ts';
import { findJob } from '../jobs/find-job.ts';
import { currentStatus, isFinished, isRetrying, type Job, waiting } from '../jobs/job.ts';
import type { Ports } from './ports.ts';

/**
 * Cancels a job. Chunks that were not begun are dropped as their messages come; chunks that were begun finish. The job ends
 * when no row waits. A retry is cancelled in the same way: its rows that were not begun stay failed.
 * @param by who cancels it; recorded on the job
 * @throws FleetError `not-found`, `method-conflict` when the job has ended, `throttled`, `unavailable`
 */
export async function cancelJob(
  jobId: string,
  { jobs, now }: Pick<Ports, 'jobs' | 'now'>,
  by: string = unknownActor,
): Promise<Job> {
  const found = await findJob(jobId, jobs);
  refuseEnded(found);
  const change = { status: 'cancelled', cancelledBy: { by, at: now().toISOString() } } as const;
  // A job that is retried can still have the status of its first end.
  const running = isRetrying(found) ? ([...runningStatuses, 'completedWithErrors'] as const) : runningStatuses;
  const job = (await jobs.update(jobId, running, change)) ?? found;
  refuseEnded(job);
  if (waiting(job.counts) > 0 || isRetrying(job) || job.finishedAt !== undefined) return job;
  return (await jobs.update(jobId, ['cancelled'], { finishedAt: now().toISOString() })) ?? job;
}

const runningStatuses = ['received', 'splitting', 'provisioning', 'checking'] as const;

function refuseEnded(job: Job): void {
  const status = currentStatus(job);
  if (job.status === 'cancelled' || !isFinished(status)) return;
  throw new FleetError('method-conflict', `Job ${job.jobId} has ended: it is ${status}.`);
}
