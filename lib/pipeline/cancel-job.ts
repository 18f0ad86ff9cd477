import { FleetError } from '../errors.ts';
import type { JobStore } from '../jobs/job.ts';
import { type Job, waiting } from '../jobs/job.ts';

/**
 * Cancels a job: chunks not begun are dropped as they come up, those begun finish. The job is ended when no row waits.
 * @throws FleetError `method-conflict` when the job has ended already
 */
export async function cancelJob(jobId: string, jobs: JobStore, at: Date): Promise<Job> {
  const job = await jobs.update(jobId, ['received', 'splitting', 'provisioning'], { status: 'cancelled' });
  if (job === undefined) throw new FleetError('not-found', `There is no job "${jobId}".`);
  if (job.status !== 'cancelled')
    throw new FleetError('method-conflict', `Job ${jobId} has ended: it is ${job.status}.`);
  if (waiting(job.counts) > 0 || job.finishedAt !== undefined) return job;
  return (await jobs.update(jobId, ['cancelled'], { finishedAt: at.toISOString() })) ?? job;
}
