import { createHash } from 'node:crypto';
import { canonicalJson } from '../json.ts';
import { type EventData, eventId, type OwedEvent, owe } from '../outbox.ts';
import { isSettled, type Job, type JobEnd, waiting } from './job.ts';

/**
 * The job with the events that it owes. Stores call this for every job that they write. So each place that ends a job announces
 * it, in the same write.
 *
 * A job ends when it is settled. Each further end, after a retry or a redrive, is one revision more. A second write of the same
 * end changes nothing.
 * @param before the job as it was stored; undefined for a new one
 */
export function withOwedEvents(before: Job | undefined, after: Job): Job {
  if (before === undefined) return withEnd(owe(after, ...orderReceived(after)), { began: false });
  if (after.end !== undefined && hasEnded(before) && !hasEnded(after)) {
    return { ...after, end: { revision: after.end.revision } };
  }
  return withEnd(after, { began: true });
}

/** A job that was cancelled is settled at once, and has ended when no row waits. */
function hasEnded(job: Job): boolean {
  return isSettled(job) && (job.status === 'failed' || waiting(job.counts) === 0);
}

/** Whether the end of the job is announced as it is now. */
export function isEndAnnounced(job: Job): boolean {
  return job.end?.digest === endDigest(job);
}

/** @param began false: an order was refused when it came, so it is not finished */
function withEnd(job: Job, { began }: { readonly began: boolean }): Job {
  if (!hasEnded(job) || isEndAnnounced(job)) return job;
  const end: JobEnd = { revision: (job.end?.revision ?? 0) + 1, digest: endDigest(job) };
  const events = [jobEnded(job, end.revision), ...(began && isOrder(job) ? [orderFinished(job, end.revision)] : [])];
  return owe({ ...job, end }, ...events);
}

function endDigest({ status, counts, reason }: Job): string {
  const outcome = canonicalJson([status, counts, reason?.code]);
  return createHash('sha256').update(outcome).digest('hex').slice(0, 16);
}

function orderReceived(job: Job): OwedEvent[] {
  if (!isOrder(job)) return [];
  const { jobId, receivedAt, reason } = job;
  const type = job.status === 'failed' ? 'fleet.order.refused' : 'fleet.order.accepted';
  const data = { ...orderData(job), enrollmentGroup: job.defaultGroup, receivedAt, reason, links: linksOf(job) };
  return [{ id: eventId(type, jobId), type, subject: orderSubject(job.name), time: receivedAt, data }];
}

/** An order that is only checked leaves its id free, and is not an order to be closed. */
function isOrder({ source, dryRun }: Job): boolean {
  return source === 'order' && dryRun !== true;
}

function jobEnded(job: Job, revision: number): OwedEvent {
  const { jobId, source, name, dryRun, reference, counts } = job;
  const type = 'fleet.job.ended';
  const data = { jobId, source, name, dryRun, reference, ...endData(job, revision), counts };
  return { id: eventId(type, jobId, revision), type, subject: `jobs/${jobId}`, time: endTime(job), data };
}

function orderFinished(job: Job, revision: number): OwedEvent {
  const type = 'fleet.order.finished';
  const data = { ...orderData(job), ...endData(job, revision), quantities: quantitiesOf(job) };
  return { id: eventId(type, job.jobId, revision), type, subject: orderSubject(job.name), time: endTime(job), data };
}

function endTime({ finishedAt, cancelledBy, lastPartAt, receivedAt }: Job): string {
  return finishedAt ?? cancelledBy?.at ?? lastPartAt ?? receivedAt;
}

function endData(job: Job, revision: number): EventData {
  const { status, reason, reasons, receivedAt, startedAt } = job;
  return {
    ...{ status, revision, reason, reasons: reasons?.codes ?? [] },
    ...(reasons?.complete === false && { reasonsComplete: false }),
    ...{ receivedAt, startedAt, finishedAt: endTime(job), links: linksOf(job) },
  };
}

/** Rows as an ERP counts pieces. */
function quantitiesOf({ counts }: Job): EventData {
  const { total, provisioned, unchanged, rejected, failed, cancelled } = counts;
  return { ordered: total, good: provisioned + unchanged, rejected: rejected + failed, cancelled, retryable: failed };
}

function orderData({ name, jobId, reference }: Job): EventData {
  return { orderId: name, jobId, reference };
}

function orderSubject(orderId: string): string {
  return `orders/${orderId}`;
}

function linksOf({ jobId }: Job): EventData {
  const job = `/api/jobs/${jobId}`;
  return { job, results: `${job}/results`, errors: `${job}/errors`, devices: `/api/devices?job=${jobId}` };
}

/** A job on which no row was counted for some time. Its rows may wait behind those of other jobs. */
export function jobStalled(
  job: Job,
  { since, waiting }: { readonly since: string; readonly waiting: number },
  at: Date,
) {
  const { jobId, status, source, name, reference, counts } = job;
  const data = { jobId, status, source, name, reference, counts, waiting, since, links: linksOf(job) };
  const type = 'fleet.job.stalled';
  return { id: eventId(type, jobId, since), type, subject: `jobs/${jobId}`, time: at.toISOString(), data } as const;
}
