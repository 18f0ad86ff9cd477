import { FleetError } from '../errors.ts';
import { jobIdOf } from '../jobs/job.ts';
import { currentLog } from '../log.ts';
import { type BlobCreated, blobCreatedEvent, parseBlobCreated } from '../manifest/upload-event.ts';
import { queues } from '../resource-names.ts';
import type { Ports } from './ports.ts';

const hourMs = 60 * 60 * 1000;

/** Event Grid delivers within seconds. After an hour without a job, something is wrong, and a second event does no harm. */
const youngestMs = hourMs;

/** Sweeps run every night, so seven of them see each upload. Older ones are left alone: their job may have been deleted since. */
const oldestMs = 7 * 24 * hourMs;

/**
 * Announces uploads that became no job, as when Event Grid lost their event. The event is the one that Event Grid sends, so a
 * late delivery of the first one is a repetition, which is harmless.
 * @returns how many were announced
 * @throws FleetError `throttled`, `unavailable`; the next call begins again
 */
export async function announceLostUploads({
  manifests,
  jobs,
  queue,
  now,
}: Pick<Ports, 'manifests' | 'jobs' | 'queue' | 'now'>): Promise<number> {
  let announced = 0;
  for await (const { name, etag, bytes, changedAt } of manifests.list('')) {
    const age = now().getTime() - changedAt.getTime();
    if (age < youngestMs || age > oldestMs) continue;
    const upload = { blobName: name, etag, bytes };
    const jobId = jobIdOf({ blob: name, etag });
    const event = blobCreatedEvent(upload, jobId);
    if (!becomesJob(upload, event) || (await jobs.read(jobId)) !== undefined) continue;
    currentLog().warn('lost upload announced', { jobId, age: Math.round(age / hourMs) });
    await queue(queues.uploads).send([event]);
    announced += 1;
  }
  return announced;
}

/** Neither an empty blob nor a name that no event may have becomes a job: it would be announced every night. */
function becomesJob({ bytes }: BlobCreated, event: unknown): boolean {
  try {
    parseBlobCreated(event);
    return bytes > 0;
  } catch (error) {
    if (error instanceof FleetError) return false;
    throw error;
  }
}
