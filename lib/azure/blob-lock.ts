import type { BlobLeaseClient, BlockBlobClient } from '@azure/storage-blob';
import type { Lock } from '../lock.ts';
import { calling, statusOf, unlessStatus } from './service-errors.ts';
import { withInactivityTimeout } from './storage-timeouts.ts';

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
export function createBlobLock(blob: BlockBlobClient, { timeoutMs = renewIntervalMs } = {}): Lock {
  let previous: Promise<unknown> = Promise.resolve();
  // Calls wait for each other, so one that waited forever would stop them all. A lease that was given in an answer that was
  // lost ends by itself.
  const inTime: InTime = (request) => withInactivityTimeout(timeoutMs, (abortSignal) => request({ abortSignal }));

  async function runWithLease(work: () => Promise<void>): Promise<boolean> {
    const lease = await calling(service, () => acquireLease(blob, inTime));
    if (lease === undefined) return false;
    const renewing = setInterval(
      () => void inTime((options) => lease.renewLease(options)).catch(() => undefined),
      renewIntervalMs,
    );
    try {
      await work();
      return true;
    } finally {
      clearInterval(renewing);
      // A lease that could not be released ends by itself.
      await inTime((options) => lease.releaseLease(options)).catch(() => undefined);
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

type InTime = <T>(request: (options: { abortSignal: AbortSignal }) => Promise<T>) => Promise<T>;

/** @returns undefined when another process holds the lease */
async function acquireLease(blob: BlockBlobClient, inTime: InTime): Promise<BlobLeaseClient | undefined> {
  const lease = blob.getBlobLeaseClient();
  try {
    const acquired = await unlessStatus([409], () => inTime((options) => lease.acquireLease(leaseSeconds, options)));
    return acquired && lease;
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
  // The first lease creates the blob. 409, 412: another process has created it meanwhile, and may have leased it.
  const conditions = { ifNoneMatch: '*' };
  await unlessStatus([409, 412], () => inTime((options) => blob.upload('', 0, { ...options, conditions })));
  return acquireLease(blob, inTime);
}
