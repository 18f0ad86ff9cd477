import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { Work } from '../harness/subject.ts';
import { createIdentities } from './some-identities.ts';

/** A message costs about as much as one certificate, so a thread gets this many to issue, and gives back as many. */
const batch = 64;

/** Identities by that many worker threads, handed to the main thread as the pipeline would want them. */
export async function prepare(threads: string): Promise<Work> {
  const workers = Array.from({ length: Number(threads) }, () => new Worker(new URL(import.meta.url)));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return async (times) => {
    let left = times;
    await Promise.all(
      workers.map(async (worker) => {
        // One batch waits at the thread while it works on another, or it would stand still until the main thread has read it.
        let ahead = 0;
        for (; left > 0 || ahead > 0; ahead -= 1) {
          for (; left > 0 && ahead < 2; left -= batch, ahead += 1) worker.postMessage(batch);
          await once(worker, 'message');
        }
      }),
    );
  };
}

if (!isMainThread) {
  const issueNext = await createIdentities();
  parentPort?.on('message', (count: number) => parentPort?.postMessage(Array.from({ length: count }, issueNext)));
  parentPort?.postMessage('ready');
}
