import type { BlockBlobClient } from '@azure/storage-blob';
import type { Lock } from '../lock.ts';
import { calling, statusOf } from './service-errors.ts';

/** The longest lease there is but one without end, which a crash would leave behind. */
const leaseSeconds = 60;
const renewEveryMilliseconds = 20_000;

/**
 * A turn by a lease on a blob, as the Functions host takes its own locks. Whoever dies holding it frees it within a minute.
 * Takers in this process stand in line and do not ask the service about each other.
 *
 * A holder that cannot renew goes on working: what it does bears a second worker, the turn is for the pace of both.
 */
export function createBlobLock(blob: BlockBlobClient): Lock {
  let line: Promise<unknown> = Promise.resolve();

  async function takeAlone(work: () => Promise<void>): Promise<boolean> {
    const lease = await calling('Blob storage', () => acquire(blob));
    if (lease === undefined) return false;
    const renewing = setInterval(() => void lease.renewLease().catch(() => undefined), renewEveryMilliseconds);
    try {
      await work();
      return true;
    } finally {
      clearInterval(renewing);
      // A lease that is not given back ends by itself.
      await lease.releaseLease().catch(() => undefined);
    }
  }

  return {
    take(work) {
      const mine = line.then(() => takeAlone(work));
      line = mine.catch(() => undefined);
      return mine;
    },
  };
}

/** @returns undefined when somebody else holds it */
async function acquire(blob: BlockBlobClient) {
  const lease = blob.getBlobLeaseClient();
  try {
    await lease.acquireLease(leaseSeconds);
    return lease;
  } catch (error) {
    if (statusOf(error) === 409) return undefined;
    if (statusOf(error) !== 404) throw error;
  }
  await blob.upload('', 0, { conditions: { ifNoneMatch: '*' } }).catch((error: unknown) => {
    // 409, 412: somebody made it meanwhile, and may hold it already.
    if (statusOf(error) !== 409 && statusOf(error) !== 412) throw error;
  });
  return acquire(blob);
}
