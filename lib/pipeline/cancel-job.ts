import { FleetError } from '../errors.ts';
import { type Job, waiting } from '../jobs/job.ts';
import type { Ports } from './ports.ts';

/**
 * Cancels a job. Chunks that were not begun are dropped as their messages come; chunks that were begun finish. The job ends
 * when no row waits.
 * @throws FleetError `not-found`, `method-conflict` when the job has ended, `throttled`, `unavailable`
 */
export async function cancelJob(jobId: string, { jobs, now }: Pick<Ports, 'jobs' | 'now'>): Promise<Job> {
  const job = await jobs.update(jobId, ['received', 'splitting', 'provisioning'], { status: 'cancelled' });
  if (job === undefined) throw new FleetError('not-found', `There is no job "${jobId}".`);
  if (job.status !== 'cancelled')
    throw new FleetError('method-conflict', `Job ${jobId} has ended: it is ${job.status}.`);
  if (waiting(job.counts) > 0 || job.finishedAt !== undefined) return job;
  return (await jobs.update(jobId, ['cancelled'], { finishedAt: now().toISOString() })) ?? job;
}
