import { FleetError } from '../errors.ts';
import { jobIdOf } from '../jobs/job.ts';
import { currentLog } from '../log.ts';
import { type BlobCreated, blobCreatedEvent, parseBlobCreated } from '../manifest/upload-event.ts';
import { queues } from '../resource-names.ts';
import type { Ports } from './ports.ts';
import { jobOfUpload } from './upload-job.ts';

const hourMs = 60 * 60 * 1000;

/** Letters per request to the store. */
const lettersPerPage = 100;

/** Event Grid delivers within seconds. After an hour without a job, something is wrong, and a second event does no harm. */
const youngestMs = hourMs;

/** Sweeps run every night, so seven of them see each upload. Older ones are left alone: their job may have been deleted since. */
const oldestMs = 7 * 24 * hourMs;

/**
 * Announces uploads that became no job, as when Event Grid lost their event. The event is the one that Event Grid sends, so a
 * late delivery of the first one is a repetition, which is harmless. An upload whose event is a dead letter was not lost: it waits for
 * an operator, or an operator has discarded it.
 * @returns how many were announced
 * @throws FleetError `throttled`, `unavailable`; the next call begins again
 */
export async function announceLostUploads({
  manifests,
  jobs,
  queue,
  now,
  deadLetters,
}: Pick<Ports, 'manifests' | 'jobs' | 'queue' | 'now' | 'deadLetters'>): Promise<number> {
  let announced = 0;
  // Read once, and only if an upload has no job.
  let inLetters: ReadonlySet<string> | undefined;
  for await (const { name, etag, bytes, changedAt } of manifests.list('')) {
    const age = now().getTime() - changedAt.getTime();
    if (age < youngestMs || age > oldestMs) continue;
    const upload = { blobName: name, etag, bytes };
    const jobId = jobIdOf({ blob: name, etag });
    const event = blobCreatedEvent(upload, jobId);
    if (!becomesJob(upload, event) || (await jobs.read(jobId)) !== undefined) continue;
    inLetters ??= await jobsInLetters(deadLetters);
    if (inLetters.has(jobId)) continue;
    currentLog().warn('lost upload announced', { jobId, age: Math.round(age / hourMs) });
    await queue(queues.uploads).send([event]);
    announced += 1;
  }
  return announced;
}

/** The jobs of uploads whose event is a dead letter that nobody has sent again. */
async function jobsInLetters(deadLetters: Ports['deadLetters']): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const state of ['waiting', 'discarded'] as const) {
    let continuation: string | undefined;
    do {
      const page = await deadLetters.list({ queue: queues.uploads, state, size: lettersPerPage, continuation });
      for (const { body } of page.items) {
        const jobId = jobOfUpload(body);
        if (jobId !== undefined) found.add(jobId);
      }
      continuation = page.continuation;
    } while (continuation !== undefined);
  }
  return found;
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
