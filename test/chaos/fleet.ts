import { setTimeout as sleep } from 'node:timers/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import type { ChaosStack } from './chaos-stack.ts';
import type { JobDocument } from './job-observer.ts';

/* What a user of the stack does, and waits for. */

/** Groups that every scenario declares: two by their CA, one with an enrollment a device. */
export const groups = { byCa: ['line7', 'line8'], individual: 'cell3' } as const;

export async function declareGroups({ api }: ChaosStack): Promise<void> {
  const definition = { keyCustody: 'plain', target: 'dps-device' };
  for (const id of groups.byCa) await patiently(() => api.put(`enrollment-groups/${id}`, definition));
  await patiently(() => api.put(`enrollment-groups/${groups.individual}`, { ...definition, enrollment: 'individual' }));
}

/** A request of an administrator is sent again when services behind it are in trouble. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 40) throw error;
      await sleep(250);
    }
  }
}

/** Puts a manifest straight into storage, as a factory does. @returns its ETag */
export async function upload({ stack }: Pick<ChaosStack, 'stack'>, name: string, csv: string): Promise<string> {
  const container = BlobServiceClient.fromConnectionString(stack.storageConnectionString).getContainerClient(
    'manifests',
  );
  const { etag = '' } = await container.getBlockBlobClient(name).upload(csv, Buffer.byteLength(csv));
  return etag;
}

export function queueOf({ stack }: Pick<ChaosStack, 'stack'>, name: string) {
  return QueueServiceClient.fromConnectionString(stack.storageConnectionString).getQueueClient(name);
}

const outcomes = ['provisioned', 'unchanged', 'rejected', 'failed', 'cancelled'] as const;
export const countedOf = ({ counts }: JobDocument) => outcomes.reduce((sum, outcome) => sum + counts[outcome], 0);

/** Nothing changed for so long, milliseconds: it will not end. Longer than what a lost lease or a delayed message takes. */
const patience = 180_000;

/** Waits until so many jobs are there, none has rows waiting and no queue holds a message. @returns the jobs */
export async function settled({ stack, observer }: ChaosStack, jobs: number): Promise<JobDocument[]> {
  const service = QueueServiceClient.fromConnectionString(stack.storageConnectionString);
  const queues = (await Array.fromAsync(service.listQueues())).map(({ name }) => service.getQueueClient(name));
  let shown = '';
  for (let since = Date.now(); Date.now() - since < patience; await sleep(200)) {
    const seen = await observer.look();
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
  throw new Error(`The stack does not come to rest: ${shown}`);
}

/**
 * Does what an operator does until no row is failed: redrives dead letters, then retries jobs that still have failed rows.
 * @returns how often each was done
 */
export async function retryUntilNoneFailed(
  chaos: ChaosStack,
  jobs: number,
): Promise<{ redriven: number; retries: number }> {
  const done = { redriven: 0, retries: 0 };
  for (let round = 0; round < 12; round++) {
    const seen = await settled(chaos, jobs);
    const letters = await patiently(() => post<{ redriven: number }>(chaos, 'dead-letters/redrive'));
    done.redriven += letters.redriven;
    const failed = seen.filter(({ status, counts }) => status === 'completedWithErrors' && counts.failed > 0);
    if (failed.length === 0 && letters.redriven === 0) return done;
    if (letters.redriven === 0) {
      for (const { jobId } of failed) await patiently(() => post(chaos, `jobs/${jobId}/retry`));
      done.retries += failed.length;
    }
    // Until its messages are taken, a job that is tried again looks like one that has come to rest.
    await sleep(500);
  }
  throw new Error('Rows fail however often they are retried.');
}

/** @throws Error with the answer, where it is no success */
export async function post<T>({ stack }: Pick<ChaosStack, 'stack'>, path: string): Promise<T> {
  const answer = await fetch(`${stack.urls.functions}/api/${path}`, {
    method: 'POST',
    headers: { 'x-functions-key': stack.functionsKey },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`POST ${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as T;
}
