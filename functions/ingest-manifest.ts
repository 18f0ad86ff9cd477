import { app } from '@azure/functions';
import { parseBlobCreated } from '../lib/manifest/upload-event.ts';
import { ingestManifest } from '../lib/pipeline/ingest-manifest.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('ingest-manifest', {
  queueName: 'manifest-uploads',
  connection: 'AzureWebJobsStorage',
  handler: onMessage('manifest-uploads', (body, services) => ingestManifest(parseBlobCreated(body), services)),
});
