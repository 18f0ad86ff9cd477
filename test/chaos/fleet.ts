import { setTimeout as sleep } from 'node:timers/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import type { ChaosStack } from './chaos-stack.ts';
import type { JobDocument } from './job-observer.ts';

/* The actions of a user or operator of the stack. */

/** The groups of every scenario: two with an enrollment group in DPS, one with individual enrollments. */
export const groups = { byCa: ['line7', 'line8'], individual: 'cell3' } as const;

export async function declareGroups({ api }: ChaosStack): Promise<void> {
  const definition = { keyCustody: 'plain', target: 'dps-device' };
  for (const id of groups.byCa) await withRetries(() => api.put(`enrollment-groups/${id}`, definition));
  await withRetries(() =>
    api.put(`enrollment-groups/${groups.individual}`, { ...definition, enrollment: 'individual' }),
  );
}

/** Repeats a request, up to 40 times, while services refuse it. */
export async function withRetries<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 40) throw error;
      await sleep(250);
    }
  }
}

/**
 * Uploads a manifest to storage, as a factory does.
 * @param metadata of the blob, such as `onconflict`
 * @returns its ETag
 */
export async function upload(
  { stack }: Pick<ChaosStack, 'stack'>,
  name: string,
  csv: string,
  metadata: Record<string, string> = {},
): Promise<string> {
  const container = BlobServiceClient.fromConnectionString(stack.storageConnectionString).getContainerClient(
    'manifests',
  );
  const { etag = '' } = await container.getBlockBlobClient(name).upload(csv, Buffer.byteLength(csv), { metadata });
  return etag;
}

export function queueOf({ stack }: Pick<ChaosStack, 'stack'>, name: string) {
  return QueueServiceClient.fromConnectionString(stack.storageConnectionString).getQueueClient(name);
}

const outcomes = ['provisioned', 'unchanged', 'rejected', 'failed', 'cancelled'] as const;
export const countedOf = ({ counts }: JobDocument) => outcomes.reduce((sum, outcome) => sum + counts[outcome], 0);

/** Milliseconds without a change after which the stack is stuck: longer than a lost lease or a delayed message takes. */
const progressTimeout = 180_000;

/**
 * Waits until there are `jobs` jobs, no row waits and no queue has a message.
 * @param except queues that may have messages
 * @returns the jobs
 * @throws Error if stuck
 */
export async function settled(
  { stack, observer }: ChaosStack,
  jobs: number,
  except: readonly string[] = [],
): Promise<JobDocument[]> {
  const service = QueueServiceClient.fromConnectionString(stack.storageConnectionString);
  const names = (await Array.fromAsync(service.listQueues())).map(({ name }) => name);
  const queues = names.filter((name) => !except.includes(name)).map((name) => service.getQueueClient(name));
  let shown = '';
  for (let since = Date.now(); Date.now() - since < progressTimeout; await sleep(200)) {
    const seen = await observer.observe();
    const counts = await Promise.all(
      queues.map(async (queue) => (await queue.getProperties()).approximateMessagesCount ?? 0),
    );
    const text = JSON.stringify([seen.map(({ status, counts: rows }) => [status, rows]), counts]);
    if (text !== shown) since = Date.now();
    shown = text;
    const ended =
      seen.length >= jobs &&
      seen.every((job) => job.finishedAt && (job.status === 'failed' || countedOf(job) === job.counts.total));
    if (ended && counts.every((count) => count === 0)) return seen;
  }
  throw new Error(`The stack made no progress for 180 s: ${shown}`);
}

/**
 * Redrives dead letters, then retries jobs that still have failed rows, as an operator does, until no row is failed.
 * @param except as `settled`
 * @returns the number of redriven messages and of retries
 */
export async function retryUntilNoneFailed(
  chaos: ChaosStack,
  jobs: number,
  except: readonly string[] = [],
): Promise<{ redriven: number; retries: number }> {
  const done = { redriven: 0, retries: 0 };
  for (let round = 0; round < 12; round++) {
    const seen = await settled(chaos, jobs, except);
    const letters = await withRetries(() => post<{ redriven: number }>(chaos, 'dead-letters/redrive'));
    done.redriven += letters.redriven;
    const failed = seen.filter(({ status, counts }) => status === 'completedWithErrors' && counts.failed > 0);
    if (failed.length === 0 && letters.redriven === 0) return done;
    if (letters.redriven === 0) {
      for (const { jobId } of failed) await withRetries(() => post(chaos, `jobs/${jobId}/retry`));
      done.retries += failed.length;
    }
    // Until its messages are received, a retried job looks settled.
    await sleep(500);
  }
  throw new Error('Rows still fail after 12 rounds of retries.');
}

/** @throws Error with the answer if its status is not 2xx */
export async function post<T>({ stack }: Pick<ChaosStack, 'stack'>, path: string): Promise<T> {
  const answer = await fetch(`${stack.urls.functions}/api/${path}`, {
    method: 'POST',
    headers: { 'x-functions-key': stack.functionsKey },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`POST ${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as T;
}
