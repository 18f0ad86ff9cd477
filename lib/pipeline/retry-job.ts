import { unknownActor } from '../access/act.ts';
import { FleetError, isRetriable } from '../errors.ts';
import { currentStatus, type Job, type Part, partAttempt, partName, type Retry } from '../jobs/job.ts';
import type { ChunkMessage } from '../jobs/messages.ts';
import { createOutcomeReader } from '../jobs/reports.ts';
import type { Ports } from './ports.ts';
import { readRowBytes } from './row-source.ts';

export type RetryPorts = Pick<Ports, 'jobs' | 'devices' | 'manifests' | 'reports' | 'chunkQueue' | 'now'>;

/** What a retry took up. */
export interface Retried {
  readonly rows: number;
  /** The chunks with these rows, from 0. */
  readonly chunks: ReadonlySet<number>;
}

export interface RetryJobOptions {
  /** Replace individual enrollments that DPS has and that this deployment did not write. Default: refuse them. */
  readonly adopt?: boolean | undefined;
}

/** Retries that a job records. */
const maxRetries = 20;

/** Attempts of recording a retry while parts of the job are counted. */
const maxRecordAttempts = 20;

/**
 * Sends the failed rows of a job through the pipeline again, as one more attempt. Rows stay counted as failed until their
 * new outcome is known, so the counters add up at every moment. Sent twice, the messages are the same attempt.
 * @param by who asks for it; recorded on the job
 * @throws FleetError `method-conflict` when the job has no failed rows, was cancelled, is a dry run, or failed as a whole;
 * `manifest-gone` when its rows cannot be read again, `report-missing` when no report names them; `concurrent-change` when the retry runs and could not be recorded
 */
export async function retryJob(
  job: Job,
  ports: RetryPorts,
  by: string = unknownActor,
  { adopt = false }: RetryJobOptions = {},
): Promise<Retried> {
  const { jobId } = job;
  const status = currentStatus(job);
  if (job.dryRun === true) {
    const message = `Job ${jobId} is a dry run, so there is nothing to try again. Send the list again: as a check, or without "dryrun".`;
    throw new FleetError('method-conflict', message);
  }
  // The chunks of a cancelled job would be dropped as they come.
  if (status === 'cancelled') throw new FleetError('method-conflict', `Job ${jobId} was cancelled.`);
  if (status === 'failed') {
    const message = `Job ${jobId} failed as a whole. To begin it again, redrive its dead letter or send the manifest again.`;
    throw new FleetError('method-conflict', message);
  }
  const { messages: unmarked, missing } = await failedRows(jobId, ports);
  const messages = adopt ? unmarked.map((message) => ({ ...message, adopt: true as const })) : unmarked;
  if (messages.length === 0 && missing > 0)
    throw new FleetError('report-missing', `${missing} failed or rejected rows of job ${jobId} are in no report.`);
  if (messages.length === 0) {
    const message = `Job ${jobId} has no failed rows. Rows that were rejected have to be fixed and sent again.`;
    throw new FleetError('method-conflict', message);
  }
  // Throws when the rows can no longer be read.
  await readRowBytes(job, { offset: 0, length: 1 }, ports);

  await ports.chunkQueue.send(messages);
  // Recorded last: a crash before it leaves a retry that runs and is not shown. The other way round, it would leave a job
  // that waits for messages that were never sent.
  await recordRetry(jobId, messages, { by, ...(adopt && { adopt: true }) }, ports);
  return { rows: rowsIn(messages), chunks: new Set(messages.map(({ chunk }) => chunk)) };
}

interface FailedRows {
  /** One per chunk with failed rows. */
  readonly messages: readonly ChunkMessage[];
  /** Rows that no report names, so that no retry can take them up. */
  readonly missing: number;
}

async function failedRows(jobId: string, ports: RetryPorts): Promise<FailedRows> {
  const parts = await Array.fromAsync(ports.jobs.parts(jobId));
  const reader = createOutcomeReader(jobId, ports);
  const messages: ChunkMessage[] = [];
  let missing = 0;
  for (const [chunk, attempts] of Map.groupBy(parts, (part) => part.chunk)) {
    // Read the reports of chunks with failed rows only: the caller waits, and a large job has thousands of chunks.
    if (attempts.reduce((sum, { outcome }) => sum + outcome.failed, 0) <= 0) continue;
    const { faults, missing: unlisted } = await reader.chunk(attempts);
    missing += unlisted.faults;
    const lines = faults.filter(({ code }) => isRetriable(code)).map(({ line }) => line);
    const range = attempts.find((part) => part.range !== undefined)?.range;
    if (lines.length === 0 || range === undefined) continue;
    const attempt = Math.max(...attempts.map(({ part }) => partAttempt(part))) + 1;
    messages.push({ jobId, chunk, ...range, attempt, lines });
  }
  return { messages, missing };
}

/**
 * Records who asked for the retry, and how many of its rows are not counted yet. Those are computed again for each version of
 * the job, so that a part that is counted meanwhile is neither missed nor taken off twice.
 */
async function recordRetry(
  jobId: string,
  messages: readonly ChunkMessage[],
  asked: Pick<Retry, 'by' | 'adopt'>,
  { jobs, now }: RetryPorts,
): Promise<void> {
  const retry = { ...asked, at: now().toISOString(), rows: rowsIn(messages) };
  for (let tries = 1; tries <= maxRecordAttempts; tries++) {
    const read = await jobs.readVersion(jobId);
    if (read === undefined) return;
    const counted = new Set((await Array.fromAsync(jobs.parts(jobId))).map(({ part }: Part) => part));
    const open = messages.filter(({ chunk, attempt }) => !counted.has(partName(chunk, attempt)));
    const retrying = rowsIn(open);
    const retries = [...(read.value.retries ?? []), retry].slice(-maxRetries);
    const begun = read.value.status === 'cancelled' || retrying === 0 ? {} : runningAgain;
    if ((await jobs.updateVersion(read, { retries, retrying, ...begun })) !== undefined) return;
  }
  throw new FleetError('concurrent-change', `The retry of job ${jobId} runs, and could not be recorded.`);
}

const runningAgain = { status: 'provisioning', finishedAt: undefined } as const;

function rowsIn(messages: readonly ChunkMessage[]): number {
  return messages.reduce((sum, { lines = [] }) => sum + lines.length, 0);
}
