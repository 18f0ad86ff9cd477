import { app } from '@azure/functions';
import { parseChunkMessage } from '../lib/jobs/messages.ts';
import { provisionChunk } from '../lib/pipeline/provision-chunk.ts';
import { queues } from '../lib/resource-names.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('provision-chunk', {
  queueName: queues.chunks,
  connection: 'AzureWebJobsStorage',
  handler: onMessage(queues.chunks, (body, services) => provisionChunk(parseChunkMessage(body), services)),
});
