import { app } from '@azure/functions';
import { parseChunkMessage } from '../lib/jobs/messages.ts';
import { provisionChunk } from '../lib/pipeline/provision-chunk.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('provision-chunk', {
  queueName: 'chunks',
  connection: 'AzureWebJobsStorage',
  handler: onMessage('chunks', (body, services) => provisionChunk(parseChunkMessage(body), services)),
});
