import { app } from '@azure/functions';
import { parseOrder } from '../lib/orders/order.ts';
import { ingestOrder } from '../lib/pipeline/ingest-order.ts';
import { queues } from '../lib/resource-names.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('ingest-order', {
  queueName: queues.orders,
  connection: 'AzureWebJobsStorage',
  handler: onMessage(queues.orders, (body, services) => ingestOrder(parseOrder(body), services)),
});
