import { FleetError } from '../errors.ts';
import type { Job, JobStore } from './job.ts';

/** @throws FleetError `not-found`, `throttled`, `unavailable` */
export async function findJob(jobId: string, jobs: Pick<JobStore, 'read'>): Promise<Job> {
  const job = await jobs.read(jobId);
  if (job === undefined) throw new FleetError('not-found', `There is no job "${jobId}".`);
  return job;
}
