import { CosmosClient } from '@azure/cosmos';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { containerDefinitions } from '../../../lib/azure/cosmos.ts';
import { blobContainers, eventQueue, poisonQueue, queueNames } from '../../../lib/resource-names.ts';

export interface Accounts {
  readonly storageConnectionString: string;
  readonly cosmos: { readonly endpoint: string; readonly key: string; readonly database: string };
}

/**
 * Creates what infra/azure declares in Bicep: blob containers, queues with their poison queues, the database and its
 * containers. Idempotent.
 */
export async function createResources({ storageConnectionString, cosmos }: Accounts): Promise<void> {
  const blobs = BlobServiceClient.fromConnectionString(storageConnectionString);
  const queues = QueueServiceClient.fromConnectionString(storageConnectionString);
  await Promise.all([
    ...Object.values(blobContainers).map((name) => blobs.getContainerClient(name).createIfNotExists()),
    ...[eventQueue, ...queueNames.flatMap((name) => [name, poisonQueue(name)])].map((name) =>
      queues.getQueueClient(name).createIfNotExists(),
    ),
    createCosmosContainers(cosmos),
  ]);
}

async function createCosmosContainers({ endpoint, key, database: id }: Accounts['cosmos']): Promise<void> {
  const client = new CosmosClient({ endpoint, key });
  try {
    const { database } = await client.databases.createIfNotExists({ id });
    await Promise.all(containerDefinitions.map((container) => database.containers.createIfNotExists(container)));
  } finally {
    client.dispose();
  }
}
