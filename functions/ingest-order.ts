import { app } from '@azure/functions';
import { parseOrder } from '../lib/orders/order.ts';
import { ingestOrder } from '../lib/pipeline/ingest-order.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('ingest-order', {
  queueName: 'orders',
  connection: 'AzureWebJobsStorage',
  handler: onMessage('orders', (body, services) => ingestOrder(parseOrder(body), services)),
});
