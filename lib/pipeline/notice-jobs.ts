import { finishIfDone } from '../jobs/count-part.ts';
import { currentStatus, isFinished, isRetrying, type Job, waiting } from '../jobs/job.ts';
import { jobStalled } from '../jobs/job-events.ts';
import type { Ports } from './ports.ts';

export type NoticePorts = Pick<Ports, 'jobs' | 'reports' | 'devices' | 'outbox' | 'now'>;

/** A chunk takes seconds, and its message comes again 10 minutes after its worker died. Three of these are no progress. */
const stalledMinutes = 30;

const pageSize = 500;

/**
 * Looks at every job that is not settled. Ends those whose rows are all counted and whose last write was lost. Announces
 * those on which no row was counted for 30 minutes: once per standstill.
 * @throws FleetError `throttled`, `unavailable`, `concurrent-change`
 */
export async function noticeJobs(ports: NoticePorts): Promise<void> {
  const at = ports.now();
  let continuation: string | undefined;
  do {
    const page = await ports.jobs.unsettled({ size: pageSize, continuation });
    for (const job of page.items) {
      await finishIfDone(ports, job, at);
      const stalled = standstillOf(job, at);
      if (stalled !== undefined) await ports.outbox.note(jobStalled(job, stalled, at));
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
}

function standstillOf(job: Job, at: Date): { readonly since: string; readonly waiting: number } | undefined {
  const open = waiting(job.counts) + (isRetrying(job) ? (job.retrying ?? 0) : 0);
  if (isFinished(currentStatus(job)) && open === 0) return undefined;
  const times = [job.receivedAt, job.startedAt, job.dispatchedAt, job.lastPartAt, job.retries?.at(-1)?.at];
  const since =
    times
      .filter((time) => time !== undefined)
      .sort()
      .at(-1) ?? job.receivedAt;
  const minutes = (at.getTime() - Date.parse(since)) / 60_000;
  return minutes < stalledMinutes ? undefined : { since, waiting: open };
}
