import { finalStatus, type Job, waiting } from './job.ts';
import type { JobStore } from './job-store.ts';

/** Ends a job once no row of it waits. Whoever comes last does it; doing it twice changes nothing. */
export async function finishIfDone(jobs: JobStore, job: Job, at: Date): Promise<void> {
  if (job.finishedAt !== undefined || job.counts.total === 0 || waiting(job.counts) > 0) return;
  await jobs.update(job.jobId, ['provisioning', 'cancelled'], {
    status: finalStatus(job.counts),
    finishedAt: at.toISOString(),
  });
}
