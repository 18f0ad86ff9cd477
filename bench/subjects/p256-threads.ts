import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { createDeviceIssuer } from '../../lib/pki/device-issuer.ts';
import { newSerialNumber } from '../../lib/pki/serial.ts';
import type { Work } from '../harness/subject.ts';
import { someAuthority } from './some-authority.ts';

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
  const issuer = await createDeviceIssuer({
    issuer: await someAuthority(),
    ...{ keyType: 'ec-p256', validityDays: 365, now: new Date() },
  });
  await issuer.issue({ deviceId: 'gw-000000000', serialNumber: newSerialNumber() });
  // The first of its kind makes the template; those after it are issued at once.
  await issuer.issue({ deviceId: 'gw-000000000', serialNumber: newSerialNumber() });
  let number = 0;
  const issueOne = () => {
    number += 1;
    return issuer.issue({ deviceId: `gw-${String(number).padStart(9, '0')}`, serialNumber: newSerialNumber() });
  };
  parentPort?.on('message', (count: number) => parentPort?.postMessage(Array.from({ length: count }, issueOne)));
  parentPort?.postMessage('ready');
}
