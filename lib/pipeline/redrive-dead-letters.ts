import { FleetError } from '../errors.ts';
import type { DeadLetter } from '../jobs/dead-letters.ts';
import { jobIdOf } from '../jobs/job.ts';
import { decodedBody } from '../jobs/messages.ts';
import { type BlobCreated, parseBlobCreated } from '../manifest/upload-event.ts';
import { type QueueName, queues } from '../resource-names.ts';
import type { Ports } from './ports.ts';
import { type RetryPorts, retryJob } from './retry-job.ts';

export type RedrivePorts = RetryPorts & Pick<Ports, 'deadLetters' | 'queue'>;

/** Letters per request to the store. */
const pageSize = 100;

/**
 * Gives dead letters another chance and takes them off the list. The rows of a chunk were counted as failed, so its job is
 * retried; any other message goes back to its queue.
 * @returns the number of letters that were redriven
 * @throws FleetError `throttled`, `unavailable`; the letters that are left stay on the list
 */
export async function redriveDeadLetters(filter: { queue?: QueueName }, ports: RedrivePorts): Promise<number> {
  const { deadLetters } = ports;
  const retried = new Set<string>();
  let redriven = 0;
  let continuation: string | undefined;
  do {
    const page = await deadLetters.list({ size: pageSize, continuation, queue: filter.queue });
    for (const letter of page.items) {
      await redrive(letter, retried, ports);
      // Removed last: after a crash a letter is redriven twice, which is harmless, and not lost.
      await deadLetters.remove(letter);
      redriven += 1;
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
  return redriven;
}

/** @param retried ids of the jobs that were retried already */
async function redrive({ queue, body }: DeadLetter, retried: Set<string>, ports: RedrivePorts): Promise<void> {
  if (queue === queues.chunks || queue === queues.enrollments) {
    const jobId = jobIdIn(body);
    if (jobId === undefined || retried.has(jobId)) return;
    retried.add(jobId);
    const job = await ports.jobs.read(jobId);
    if (job !== undefined) await retryJob(job, ports).catch(unlessNothingFailed);
    return;
  }
  if (queue === queues.uploads) await reopenJob(body, ports);
  await ports.queue(queue).send([decodedBodyOr(body)]);
}

/** Lets the job of a manifest begin again, if it failed as a whole. */
async function reopenJob(body: string, { jobs }: RedrivePorts): Promise<void> {
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
