import { randomUUID } from 'node:crypto';

/** A blob from the listing of its container. */
export interface ListedBlob {
  readonly name: string;
  readonly etag: string;
  readonly contentType: string;
  readonly contentLength: number;
  readonly lastModified: Date;
}

/**
 * Makes the Microsoft.Storage.BlobCreated event of a blob in the Event Grid schema.
 * https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
 */
export function blobCreatedEvent(
  blob: ListedBlob,
  { account, container, url }: { account: string; container: string; url: string },
) {
  const sequencer = blob.lastModified.getTime().toString(16).toUpperCase().padStart(48, '0');
  return {
    topic: `/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/${account}`,
    subject: `/blobServices/default/containers/${container}/blobs/${blob.name}`,
    eventType: 'Microsoft.Storage.BlobCreated',
    eventTime: blob.lastModified.toISOString(),
    id: randomUUID(),
    data: {
      api: 'PutBlob',
      clientRequestId: randomUUID(),
      requestId: randomUUID(),
      eTag: blob.etag,
      contentType: blob.contentType,
      contentLength: blob.contentLength,
      blobType: 'BlockBlob',
      url: `${url}/${blob.name.split('/').map(encodeURIComponent).join('/')}`,
      sequencer,
      storageDiagnostics: { batchId: randomUUID() },
    },
    dataVersion: '',
    metadataVersion: '1',
  };
}
