import { FleetError, isRetriable } from '../errors.ts';
import type { JobStore } from '../jobs/job.ts';
import { type Job, type Part, partAttempt } from '../jobs/job.ts';
import type { ChunkMessage } from '../jobs/messages.ts';
import { rowOutcomes } from '../jobs/reports.ts';
import type { BlobStore, MessageQueue } from '../storage.ts';

export interface RetryServices {
  readonly jobs: JobStore;
  readonly reports: BlobStore;
  readonly chunkQueue: MessageQueue<ChunkMessage>;
}

/**
 * Sends the failed rows of a job through the pipeline again, as a further attempt. Rows stay counted as failed until
 * their new outcome is known, so the counters add up all the while, and the messages are all that is written here: sent
 * twice they are the same attempt.
 * @returns how many rows are tried again
 * @throws FleetError `method-conflict` when the job has no failed rows, was cancelled, or failed as a whole
 */
export async function retryJob(job: Job, { jobs, reports, chunkQueue }: RetryServices): Promise<number> {
  // Its chunks would be dropped as they come up.
  if (job.status === 'cancelled') throw new FleetError('method-conflict', `Job ${job.jobId} was cancelled.`);
  if (job.status === 'failed') {
    const message = `Job ${job.jobId} failed as a whole; redrive its dead letter, or send the manifest again.`;
    throw new FleetError('method-conflict', message);
  }
  const parts = await Array.fromAsync(jobs.parts(job.jobId));
  const messages: ChunkMessage[] = [];
  for (const [chunk, attempts] of byChunk(parts)) {
    // Reports are read of chunks with failed rows only: the caller waits, and a large job has thousands.
    if (attempts.reduce((sum, { outcome }) => sum + outcome.failed, 0) <= 0) continue;
    const { faults } = await rowOutcomes(attempts, reports);
    const lines = faults.filter(({ code }) => isRetriable(code)).map(({ line }) => line);
    const range = attempts.find(({ range }) => range !== undefined)?.range;
    if (lines.length === 0 || range === undefined) continue;
    const attempt = Math.max(...attempts.map(({ part }) => partAttempt(part))) + 1;
    messages.push({ jobId: job.jobId, chunk, ...range, attempt, lines });
  }
  if (messages.length === 0) {
    throw new FleetError(
      'method-conflict',
      `Job ${job.jobId} has no failed rows; rejected rows have to be mended and sent again.`,
    );
  }
  await chunkQueue.send(messages);
  return messages.reduce((sum, { lines = [] }) => sum + lines.length, 0);
}

function byChunk(parts: readonly Part[]): Map<number, Part[]> {
  return Map.groupBy(parts, ({ chunk }) => chunk);
}
