import type { BlobLeaseClient, BlockBlobClient } from '@azure/storage-blob';
import type { Lock } from '../lock.ts';
import { calling, statusOf, unlessStatus } from './service-errors.ts';

const service = 'Blob storage';

/** The longest lease that ends by itself after a crash. An infinite one would not. */
const leaseSeconds = 60;
const renewIntervalMs = 20_000;

/**
 * A lock by a lease on a blob, as the Functions host takes its own locks. The lock of a process that dies is free again
 * within a minute. Calls within this process queue up here and do not ask the service about each other.
 *
 * A holder that cannot renew its lease goes on working. A second worker at the same time does no harm: the lock only keeps
 * both from exceeding a shared quota.
 */
export function createBlobLock(blob: BlockBlobClient): Lock {
  let previous: Promise<unknown> = Promise.resolve();

  async function runWithLease(work: () => Promise<void>): Promise<boolean> {
    const lease = await calling(service, () => acquireLease(blob));
    if (lease === undefined) return false;
    const renewing = setInterval(() => void lease.renewLease().catch(() => undefined), renewIntervalMs);
    try {
      await work();
      return true;
    } finally {
      clearInterval(renewing);
      // A lease that could not be released ends by itself.
      await lease.releaseLease().catch(() => undefined);
    }
  }

  return {
    tryRun(work) {
      const result = previous.then(() => runWithLease(work));
      previous = result.catch(() => undefined);
      return result;
    },
  };
}

/** @returns undefined when another process holds the lease */
async function acquireLease(blob: BlockBlobClient): Promise<BlobLeaseClient | undefined> {
  const lease = blob.getBlobLeaseClient();
  try {
    const acquired = await unlessStatus([409], () => lease.acquireLease(leaseSeconds));
    return acquired && lease;
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
  // The first lease creates the blob. 409, 412: another process has created it meanwhile, and may have leased it.
  await unlessStatus([409, 412], () => blob.upload('', 0, { conditions: { ifNoneMatch: '*' } }));
  return acquireLease(blob);
}
