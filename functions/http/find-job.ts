import type { HttpRequest } from '@azure/functions';
import { FleetError } from '../../lib/errors.ts';
import type { Job } from '../../lib/jobs/job.ts';
import { services } from '../services.ts';
import { jobIdFrom } from './parameters.ts';

/** The job that the route names. @throws FleetError `not-found` */
export async function findJob(request: HttpRequest): Promise<Job> {
  const jobId = jobIdFrom(request);
  const job = await services().jobs.read(jobId);
  if (job === undefined) throw new FleetError('not-found', `There is no job "${jobId}".`);
  return job;
}
