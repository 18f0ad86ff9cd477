import { type ErrorCode, FleetError } from '../errors.ts';
import { currentLog } from '../log.ts';
import { metrics } from '../telemetry.ts';
import {
  finalStatus,
  isRetrying,
  type Job,
  type JobStatus,
  type JobStore,
  type Part,
  type RowReasons,
  waiting,
} from './job.ts';
import { isEndAnnounced } from './job-events.ts';
import { summarizeErrors } from './report-pages.ts';
import type { ReportSources } from './reports.ts';

/** Attempts to end a job while it changes. */
const maxEndAttempts = 20;

/** A job that is split again after a redrive has rows that are counted already. */
const endable: readonly JobStatus[] = ['provisioning', 'cancelled', 'completedWithErrors', 'failed'];

/** Codes of errors that the end of a job names. */
const maxReasons = 20;

/**
 * Counts a part of a job, reports it to metrics and log, and ends the job if no row waits. Two workers that count one part at
 * the same moment both report it; the job's own counters are exact.
 * @param faults the errors of the part's rows
 * @throws FleetError `throttled`, `unavailable`
 */
export async function countPart(
  sources: ReportSources,
  jobId: string,
  part: Part,
  faults: readonly { readonly code: ErrorCode }[],
  at: Date,
): Promise<void> {
  const job = await sources.jobs.count(jobId, part);
  // A retry takes back rows that were counted as failed; a metric only grows.
  for (const [outcome, rows] of Object.entries(part.outcome)) if (rows > 0) metrics.rows.add(rows, { outcome });
  for (const [code, { length }] of Map.groupBy(faults, (fault) => fault.code)) metrics.rejections.add(length, { code });
  currentLog().info('part counted', { jobId, chunk: part.chunk, part: part.part, ...part.outcome });
  await finishIfDone(sources, job, at);
}

/**
 * Ends a job if no row of it waits or is tried again. Doing it twice changes nothing.
 * @throws FleetError `concurrent-change`, `throttled`, `unavailable`
 */
export async function finishIfDone(sources: ReportSources, job: Job, at: Date): Promise<void> {
  if (!isToEnd(job)) return;
  for (let attempt = 1; attempt <= maxEndAttempts; attempt++) {
    const read = await sources.jobs.readVersion(job.jobId);
    if (read === undefined || !isToEnd(read.value)) return;
    const change = {
      status: finalStatus(read.value.counts),
      finishedAt: at.toISOString(),
      reasons: await reasonsOf(read.value, sources),
      // A job that failed while its messages were being sent may have sent them all.
      ...(read.value.status === 'failed' && { reason: undefined }),
    };
    const finished = await sources.jobs.updateVersion(read, change);
    if (finished !== undefined) return logFinished(finished);
  }
  throw new FleetError('concurrent-change', `Job ${job.jobId} changes faster than it can be ended.`);
}

/** Its rows are all counted, and its end is not written. A retry ends a job a second time, with fewer failed rows. */
function isToEnd(job: Job): boolean {
  // A dry run ends with its summary (check-job.ts), also when it was cancelled after its last row.
  if (job.dryRun === true) return false;
  if (!endable.includes(job.status) || job.counts.total === 0 || waiting(job.counts) > 0 || isRetrying(job))
    return false;
  const isEnded = job.finishedAt !== undefined && job.status === finalStatus(job.counts);
  return !isEnded || (job.end !== undefined && !isEndAnnounced(job));
}

async function reasonsOf({ jobId, counts }: Job, sources: ReportSources): Promise<RowReasons> {
  if (counts.rejected + counts.failed === 0) return { codes: [], complete: true };
  const { codes, complete } = await summarizeErrors(jobId, sources);
  const counted = codes.slice(0, maxReasons).map(({ code, rows }) => ({ code, rows }));
  return { codes: counted, complete: complete && codes.length <= maxReasons };
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
