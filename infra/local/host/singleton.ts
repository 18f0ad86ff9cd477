import { setTimeout as sleep } from 'node:timers/promises';
import { type BlobLeaseClient, BlobServiceClient } from '@azure/storage-blob';

/*
 * What may run in one host only runs in the one that holds a blob's lease, as on the real host, which locks the listener
 * of a timer so (`azure-webjobs-hosts/locks/<host id>/…`). A host that is killed holds it until its time is up.
 */

/** The shortest lease that storage grants; the real host takes 60 s. https://learn.microsoft.com/rest/api/storageservices/lease-blob */
const leaseSeconds = 15;
const renewEvery = 5_000;

export interface Singleton {
  isHeld(): boolean;
  /** Lets go, so that another host can take over at once. */
  stop(): Promise<void>;
}

/** Tries for the lease until `stop`. @returns when the first try is over */
export async function holdSingleton(connectionString: string, name: string): Promise<Singleton> {
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('azure-webjobs-hosts');
  const blob = container.getBlockBlobClient(`locks/local/${name}.Listener`);
  const stopping = new AbortController();
  let lease: BlobLeaseClient | undefined;
  let heldUntil = 0;

  async function attempt(): Promise<void> {
    const asked = Date.now();
    try {
      if (lease === undefined) {
        await container.createIfNotExists();
        // Overwriting a leased blob is refused, which is as good as finding it there.
        await blob.upload('', 0, { conditions: { ifNoneMatch: '*' } }).catch(() => undefined);
        const wanted = blob.getBlobLeaseClient();
        await wanted.acquireLease(leaseSeconds);
        lease = wanted;
      } else {
        await lease.renewLease();
      }
      heldUntil = asked + leaseSeconds * 1000;
    } catch {
      // Held by another host, or storage is away: what is held lasts until its time is up.
      if (Date.now() >= heldUntil) lease = undefined;
    }
  }

  async function keep(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(renewEvery, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (!stopping.signal.aborted) await attempt();
    }
    await lease?.releaseLease().catch(() => undefined);
  }

  await attempt();
  const kept = keep();
  return {
    isHeld: () => Date.now() < heldUntil,
    async stop() {
      stopping.abort();
      await kept;
    },
  };
}
