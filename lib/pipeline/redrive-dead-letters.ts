import { FleetError } from '../errors.ts';
import type { DeadLetter, DeadLetterStore } from '../jobs/dead-letters.ts';
import { jobIdOf } from '../jobs/job.ts';
import { decodedBody } from '../jobs/messages.ts';
import { type BlobCreated, parseBlobCreated } from '../manifest/upload-event.ts';
import { queues } from '../resource-names.ts';
import type { MessageQueue } from '../storage.ts';
import { type RetryServices, retryJob } from './retry-job.ts';

export interface RedriveServices extends RetryServices {
  readonly deadLetters: DeadLetterStore;
  readonly queue: (name: string) => MessageQueue<unknown>;
}

/**
 * Gives dead letters another chance and takes them off the list. A letter of the chunk queues was counted as failed
 * rows, so its job's failed rows are retried; any other message goes back to its queue.
 * @returns how many letters were redriven
 */
export async function redriveDeadLetters(filter: { queue?: string }, services: RedriveServices): Promise<number> {
  const { deadLetters } = services;
  const retried = new Set<string>();
  let redriven = 0;
  let continuation: string | undefined;
  do {
    const page = await deadLetters.list({ size: 100, continuation, queue: filter.queue });
    for (const letter of page.items) {
      await redrive(letter, retried, services);
      // Last, so that a crash leaves a letter that is redriven twice rather than one that is lost.
      await deadLetters.remove(letter);
      redriven += 1;
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
  return redriven;
}

async function redrive({ queue, body }: DeadLetter, retried: Set<string>, services: RedriveServices): Promise<void> {
  if (queue === queues.chunks || queue === queues.enrollments) {
    const jobId = jobIdIn(body);
    if (jobId === undefined || retried.has(jobId)) return;
    retried.add(jobId);
    const job = await services.jobs.read(jobId);
    if (job !== undefined) await retryJob(job, services).catch(unlessNothingFailed);
    return;
  }
  if (queue === queues.uploads) await reopen(body, services);
  await services.queue(queue).send([decodedBodyOr(body)]);
}

/** A manifest whose job failed is begun again from where a new one would. */
async function reopen(body: string, { jobs }: RedriveServices): Promise<void> {
  let event: BlobCreated;
  try {
    event = parseBlobCreated(decodedBody(body));
  } catch {
    return;
  }
  const jobId = jobIdOf({ blob: event.blobName, etag: event.etag });
  await jobs.update(jobId, ['failed'], { status: 'received', reason: undefined, finishedAt: undefined });
}

function jobIdIn(body: string): string | undefined {
  const { jobId } = decodedBodyOr(body) as { jobId?: unknown };
  return typeof jobId === 'string' ? jobId : undefined;
}

function decodedBodyOr(body: string): unknown {
  try {
    return decodedBody(body);
  } catch {
    return body;
  }
}

function unlessNothingFailed(error: unknown): void {
  if (!(error instanceof FleetError) || error.code !== 'method-conflict') throw error;
}
