import { unknownActor } from '../access/act.ts';
import { FleetError } from '../errors.ts';
import { findJob } from '../jobs/find-job.ts';
import { currentStatus, isFinished, isRetrying, type Job, waiting } from '../jobs/job.ts';
import type { Ports } from './ports.ts';

/**
 * Cancels a job. Chunks that were not begun are dropped as their messages come; chunks that were begun finish. The job ends
 * when no row waits. A retry is cancelled in the same way: its rows that were not begun stay failed.
 * @param by who cancels it; recorded on the job
 * @throws FleetError `not-found`, `method-conflict` when the job has ended, `concurrent-change`, `throttled`, `unavailable`
 */
export async function cancelJob(
  jobId: string,
  { jobs, now }: Pick<Ports, 'jobs' | 'now'>,
  by: string = unknownActor,
): Promise<Job> {
  for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
    const read = await jobs.readVersion(jobId);
    const found = read?.value ?? (await findJob(jobId, jobs));
    refuseEnded(found);
    const isWorking = waiting(found.counts) > 0 || isRetrying(found);
    if (read === undefined || (found.status === 'cancelled' && (isWorking || found.finishedAt !== undefined)))
      return found;
    const at = now().toISOString();
    // One write: a worker that died between two would leave a job without an end.
    const change = {
      ...(found.status !== 'cancelled' && { status: 'cancelled' as const, cancelledBy: { by, at } }),
      ...(!isWorking && { finishedAt: at }),
    };
    const job = await jobs.updateVersion(read, change);
    if (job !== undefined) return job;
  }
  throw new FleetError('concurrent-change', `Job ${jobId} changes faster than it can be cancelled.`);
}

/** Attempts while parts of the job are counted. */
const maxWriteAttempts = 20;

function refuseEnded(job: Job): void {
  const status = currentStatus(job);
  if (job.status === 'cancelled' || !isFinished(status)) return;
  throw new FleetError('method-conflict', `Job ${job.jobId} has ended: it is ${status}.`);
}
