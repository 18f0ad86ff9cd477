import { app } from '@azure/functions';
import { ingestOrder } from '../lib/jobs/ingest-order.ts';
import { parseOrder } from '../lib/orders/order.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('ingest-order', {
  queueName: 'orders',
  connection: 'AzureWebJobsStorage',
  handler: onMessage('orders', (body, services) => ingestOrder(parseOrder(body), services)),
});
