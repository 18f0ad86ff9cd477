import { unknownActor } from '../access/act.ts';
import { type FailureReason, FleetError } from '../errors.ts';
import type { DeadLetter, LetterFilter } from '../jobs/dead-letters.ts';
import { findJob } from '../jobs/find-job.ts';
import { decodedBody } from '../jobs/messages.ts';
import { queues } from '../resource-names.ts';
import { forEachLetter } from './for-each-letter.ts';
import type { Ports } from './ports.ts';
import { type Retried, type RetryPorts, retryJob } from './retry-job.ts';
import { jobOfUpload } from './upload-job.ts';

export type RedrivePorts = RetryPorts & Pick<Ports, 'deadLetters' | 'queue'>;

/** The letters that a redrive met. */
export interface Redrive {
  /** Letters that were sent again, or whose rows are retried. */
  readonly redriven: number;
  /** Letters for which there was nothing to do. They stay on the list. */
  readonly left: number;
  /** Why: the first 100 of them. */
  readonly reasons: readonly LeftLetter[];
  /** True: the time was over before all letters were met. */
  readonly more: boolean;
}

export interface LeftLetter extends Pick<DeadLetter, 'id' | 'queue'> {
  readonly reason: FailureReason;
}

const maxReasons = 100;

/**
 * Gives dead letters another chance. The rows of a chunk were counted as failed, so its job is retried; any other message
 * goes back to its queue. A letter counts as redriven when that was done for it, and is noted so at once: after a crash the
 * list shows what was done. A letter whose work cannot be taken up again stays, with the reason in the answer.
 * @param filter which of the letters that wait. A chunk's letter retries its whole job, so other letters of that job then have
 * nothing left to do
 * @param by who asks for it; recorded on the letters and on retried jobs
 * @throws FleetError `throttled`, `unavailable`, `concurrent-change`; the letters that were not reached stay on the list
 */
export async function redriveDeadLetters(
  filter: LetterFilter,
  ports: RedrivePorts,
  by: string = unknownActor,
): Promise<Redrive> {
  const { deadLetters, now } = ports;
  const retries = createJobRetries(ports, by);
  const reasons: LeftLetter[] = [];
  let redriven = 0;
  let left = 0;
  const more = await forEachLetter(filter, ports, async (letter) => {
    const obstacle = await redrive(letter, retries, ports);
    if (obstacle === undefined) {
      // Noted last: after a crash in between, a letter is redriven twice, which is harmless, and not lost.
      await deadLetters.noteRedriven(letter, { by, at: now().toISOString() });
      redriven += 1;
      return;
    }
    left += 1;
    if (reasons.length < maxReasons) reasons.push({ id: letter.id, queue: letter.queue, reason: obstacle.reason });
  });
  return { redriven, left, reasons, more };
}

/** @returns why nothing was done for the letter; undefined when it was redriven */
async function redrive(
  { queue, body }: DeadLetter,
  retryOf: JobRetries,
  ports: RedrivePorts,
): Promise<FleetError | undefined> {
  if (queue === queues.chunks || queue === queues.enrollments) {
    const { jobId, chunk } = Object(decodedBodyOr(body)) as { jobId?: unknown; chunk?: unknown };
    if (typeof jobId !== 'string' || typeof chunk !== 'number')
      return new FleetError('message-invalid', 'The message names no job and chunk, so there are no rows to retry.');
    const retried = await retryOf(jobId);
    if (retried instanceof FleetError) return retried;
    if (retried.chunks.has(chunk)) return undefined;
    return new FleetError('method-conflict', `Chunk ${chunk} of job ${jobId} has no failed rows.`);
  }
  if (queue === queues.uploads) {
    const obstacle = await reopenJob(body, ports);
    if (obstacle !== undefined) return obstacle;
  }
  await ports.queue(queue).send([decodedBodyOr(body)]);
  return undefined;
}

/** Retries a job once per redrive, however many letters it has. @returns what was retried, or why nothing was */
type JobRetries = (jobId: string) => Promise<Retried | FleetError>;

function createJobRetries(ports: RedrivePorts, by: string): JobRetries {
  const known = new Map<string, Retried | FleetError>();
  return async (jobId) => {
    const before = known.get(jobId);
    if (before !== undefined) return before;
    const retried = await findJob(jobId, ports.jobs)
      .then((job) => retryJob(job, ports, by))
      .catch(unlessRetryHelps);
    known.set(jobId, retried);
    return retried;
  };
}

/** @returns an error that stays until a person acts; throws any other one */
function unlessRetryHelps(error: unknown): FleetError {
  if (error instanceof FleetError && !error.retry) return error;
  throw error;
}

/**
 * Lets the job of a manifest begin again, if it failed as a whole.
 * @returns why the event would do nothing
 */
async function reopenJob(body: string, { jobs }: RedrivePorts): Promise<FleetError | undefined> {
  const jobId = jobOfUpload(body);
  if (jobId === undefined) return undefined;
  const reopened = { status: 'received', reason: undefined, finishedAt: undefined } as const;
  const job = await jobs.update(jobId, ['failed'], reopened);
  if (job === undefined || (job.dispatchedAt === undefined && job.finishedAt === undefined)) return undefined;
  return new FleetError('method-conflict', `All chunks of job ${jobId} were sent, or it was cancelled.`);
}

function decodedBodyOr(body: string): unknown {
  try {
    return decodedBody(body);
  } catch {
    return body;
  }
}
