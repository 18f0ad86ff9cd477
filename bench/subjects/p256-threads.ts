import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { Work } from '../harness/subject.ts';
import { createIdentities } from './some-identities.ts';

/** Identities per message to a thread. A message costs about as much as one certificate. */
const batch = 64;

/** Identities issued by that many worker threads and handed to the main thread, as the pipeline would use them. */
export async function prepare(threads: string): Promise<Work> {
  const workers = Array.from({ length: Number(threads) }, () => new Worker(new URL(import.meta.url)));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return async (times) => {
    let left = times;
    await Promise.all(
      workers.map(async (worker) => {
        // A thread has the next batch while it works on one, so that it need not wait for the main thread.
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
  parentPort?.on('message', async (count: number) => {
    const identities = [];
    for (let number = 0; number < count; number++) identities.push(await issueNext());
    parentPort?.postMessage(identities);
  });
  parentPort?.postMessage('ready');
}
