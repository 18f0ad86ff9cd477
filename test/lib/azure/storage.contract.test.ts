import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { createAppendBlobs } from '../../../lib/azure/append-blobs.ts';
import { createBlobLock } from '../../../lib/azure/blob-lock.ts';
import { createBlobStore } from '../../../lib/azure/blobs.ts';
import { createMessageQueue } from '../../../lib/azure/queues.ts';
import { appendBlobsContract } from '../../contract/append-blobs.ts';
import { blobStoreContract } from '../../contract/blob-store.ts';
import { lockContract } from '../../contract/lock.ts';
import { messageQueueContract } from '../../contract/message-queue.ts';
import { startAzurite } from '../../infra/local/azurite.ts';

/*
 * Blobs, locks and queues on Azure Storage: on Azurite, or on a real account when STORAGE_CONNECTION_STRING is set. The
 * container and queues made there have unique names and are deleted afterwards.
 */

const { STORAGE_CONNECTION_STRING: account } = process.env;
const run = randomUUID().slice(0, 8);
const directory = mkdtempSync(join(tmpdir(), 'fleet-storage-'));
const queues: QueueClient[] = [];
let azurite: Awaited<ReturnType<typeof startAzurite>> | undefined;
let connectionString = account ?? '';
let container: ContainerClient;

before(async () => {
  if (account === undefined) {
    azurite = await startAzurite(directory);
    connectionString = azurite.connectionString;
  }
  container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(`contract-${run}`);
  await container.create();
});

after(async () => {
  await container?.delete();
  for (const queue of queues) await queue.delete();
  await azurite?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function newQueue(): Promise<QueueClient> {
  const service = QueueServiceClient.fromConnectionString(connectionString);
  const queue = service.getQueueClient(`contract-${run}-${queues.length}`);
  await queue.create();
  queues.push(queue);
  return queue;
}

const name = account === undefined ? 'Azurite' : 'Azure Storage';
appendBlobsContract(name, () => {
  return { segments: createAppendBlobs(container), store: createBlobStore(container) };
});
blobStoreContract(name, () => createBlobStore(container));
// A new client each time, as another process has one.
lockContract(`blob lease on ${name}`, (lock) => {
  const blobs = BlobServiceClient.fromConnectionString(connectionString);
  return createBlobLock(blobs.getContainerClient(`contract-${run}`).getBlockBlobClient(`lock-${lock}`));
});
messageQueueContract(name, async () => {
  const queue = await newQueue();
  return {
    queue: createMessageQueue<unknown>(queue),
    async receive() {
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 });
      return receivedMessageItems.map(({ messageText }) => messageText);
    },
  };
});
