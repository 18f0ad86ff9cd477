import { FleetError, isRetriable } from '../errors.ts';
import { type Job, partAttempt } from '../jobs/job.ts';
import type { ChunkMessage } from '../jobs/messages.ts';
import { rowOutcomes } from '../jobs/reports.ts';
import type { Ports } from './ports.ts';

export type RetryPorts = Pick<Ports, 'jobs' | 'reports' | 'chunkQueue'>;

/**
 * Sends the failed rows of a job through the pipeline again, as one more attempt. Rows stay counted as failed until their
 * new outcome is known, so the counters add up at every moment. Only messages are written here: sent twice they are the same
 * attempt.
 * @returns the number of rows that are tried again
 * @throws FleetError `method-conflict` when the job has no failed rows, was cancelled, or failed as a whole
 */
export async function retryJob(job: Job, { jobs, reports, chunkQueue }: RetryPorts): Promise<number> {
  const { jobId } = job;
  // The chunks of a cancelled job would be dropped as they come.
  if (job.status === 'cancelled') throw new FleetError('method-conflict', `Job ${jobId} was cancelled.`);
  if (job.status === 'failed') {
    const message = `Job ${jobId} failed as a whole. To begin it again, redrive its dead letter or send the manifest again.`;
    throw new FleetError('method-conflict', message);
  }
  const parts = await Array.fromAsync(jobs.parts(jobId));
  const messages: ChunkMessage[] = [];
  for (const [chunk, attempts] of Map.groupBy(parts, (part) => part.chunk)) {
    // Read the reports of chunks with failed rows only: the caller waits, and a large job has thousands of chunks.
    if (attempts.reduce((sum, { outcome }) => sum + outcome.failed, 0) <= 0) continue;
    const { faults } = await rowOutcomes(attempts, reports);
    const lines = faults.filter(({ code }) => isRetriable(code)).map(({ line }) => line);
    const range = attempts.find((part) => part.range !== undefined)?.range;
    if (lines.length === 0 || range === undefined) continue;
    const attempt = Math.max(...attempts.map(({ part }) => partAttempt(part))) + 1;
    messages.push({ jobId, chunk, ...range, attempt, lines });
  }
  if (messages.length === 0) {
    const message = `Job ${jobId} has no failed rows. Rows that were rejected have to be fixed and sent again.`;
    throw new FleetError('method-conflict', message);
  }
  await chunkQueue.send(messages);
  return messages.reduce((sum, { lines = [] }) => sum + lines.length, 0);
}
