import { app } from '@azure/functions';
import { parseBlobCreated } from '../lib/manifest/upload-event.ts';
import { ingestManifest } from '../lib/pipeline/ingest-manifest.ts';
import { queues } from '../lib/resource-names.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('ingest-manifest', {
  queueName: queues.uploads,
  connection: 'AzureWebJobsStorage',
  handler: onMessage(queues.uploads, (body, services) => ingestManifest(parseBlobCreated(body), services)),
});
