import { currentLog } from '../log.ts';
import { finalStatus, type Job, waiting } from './job.ts';
import type { JobStore } from './job-store.ts';

/** Ends a job once no row of it waits. Whoever comes last does it; doing it twice changes nothing. */
export async function finishIfDone(jobs: JobStore, job: Job, at: Date): Promise<void> {
  const status = finalStatus(job.counts);
  const ended = job.finishedAt !== undefined && job.status === status;
  if (ended || job.counts.total === 0 || waiting(job.counts) > 0) return;
  // A retry ends a job a second time, with fewer failed rows.
  const finished = await jobs.update(job.jobId, ['provisioning', 'cancelled', 'completedWithErrors'], {
    status,
    finishedAt: at.toISOString(),
  });
  if (finished !== undefined) tellFinished(finished);
}

/** One line about a job that ended. infra/azure/app/alerts.bicep reads it. */
export function tellFinished({ jobId, status, reason, counts }: Job): void {
  currentLog().info('job finished', { jobId, status, code: reason?.code, ...counts });
}
