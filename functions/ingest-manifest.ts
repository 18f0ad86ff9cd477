import { app } from '@azure/functions';
import { ingestManifest } from '../lib/jobs/ingest-manifest.ts';
import { parseBlobCreated } from '../lib/manifest/blob-created.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('ingest-manifest', {
  queueName: 'manifest-uploads',
  connection: 'AzureWebJobsStorage',
  handler: onMessage('manifest-uploads', (body, services) => ingestManifest(parseBlobCreated(body), services)),
});
