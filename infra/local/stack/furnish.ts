import { CosmosClient } from '@azure/cosmos';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { containerDefinitions } from '../../../lib/azure/cosmos.ts';
import { blobContainers, poisonQueue, queueNames } from '../../../lib/resource-names.ts';

export interface Furnishing {
  readonly storageConnectionString: string;
  readonly cosmos: { readonly endpoint: string; readonly key: string; readonly database: string };
}

/** Makes what infra/azure declares in Bicep: blob containers, queues, the database and its containers. Twice does no harm. */
export async function furnish({ storageConnectionString, cosmos }: Furnishing): Promise<void> {
  const blobs = BlobServiceClient.fromConnectionString(storageConnectionString);
  const queues = QueueServiceClient.fromConnectionString(storageConnectionString);
  await Promise.all([
    ...Object.values(blobContainers).map((name) => blobs.getContainerClient(name).createIfNotExists()),
    ...queueNames
      .flatMap((name) => [name, poisonQueue(name)])
      .map((name) => queues.getQueueClient(name).createIfNotExists()),
    furnishCosmos(cosmos),
  ]);
}

async function furnishCosmos({ endpoint, key, database: id }: Furnishing['cosmos']): Promise<void> {
  const client = new CosmosClient({ endpoint, key });
  try {
    const { database } = await client.databases.createIfNotExists({ id });
    await Promise.all(containerDefinitions.map((container) => database.containers.createIfNotExists(container)));
  } finally {
    client.dispose();
  }
}
