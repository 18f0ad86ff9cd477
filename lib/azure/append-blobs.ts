import type { ContainerClient } from '@azure/storage-blob';
import type { AppendBlobs } from '../audit/intake.ts';
import { FleetError } from '../errors.ts';
import { calling, causeOfRefusal, statusOf, unlessStatus } from './service-errors.ts';
import { storageTimeoutMs, withInactivityTimeout } from './storage-timeouts.ts';

const service = 'Blob storage';

/** An append blob takes 50,000 blocks. https://learn.microsoft.com/rest/api/storageservices/append-block */
const full = 'BlockCountExceedsLimit';

/** The append blobs of one container. */
export function createAppendBlobs(container: ContainerClient, { timeoutMs = storageTimeoutMs } = {}): AppendBlobs {
  return {
    async append(name, block) {
      const blob = container.getAppendBlobClient(name);
      const appendBlock = () =>
        calling(service, () =>
          withInactivityTimeout(timeoutMs, (abortSignal) => blob.appendBlock(block, block.length, { abortSignal })),
        );
      try {
        await appendBlock().catch(async (error: unknown) => {
          if (statusOf(error) !== 404) throw error;
          // The first block makes the blob. 409: another instance was first.
          const conditions = { ifNoneMatch: '*' };
          const create = (abortSignal: AbortSignal) => blob.create({ conditions, abortSignal });
          await unlessStatus([409], () => calling(service, () => withInactivityTimeout(timeoutMs, create)));
          await appendBlock();
        });
        return true;
      } catch (error) {
        const { status, code } = causeOfRefusal(error);
        if (status === 409 && code === full) return false;
        if (error instanceof FleetError) throw error;
        // Such as a container that is not there. Issuing waits until an entry can be written.
        const message = `The audit trail takes no entries (HTTP ${status ?? 'none'}, ${code ?? 'no code'}).`;
        throw new FleetError('unavailable', message, { cause: error });
      }
    },
  };
}
