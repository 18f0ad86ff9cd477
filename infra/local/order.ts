import { readFile } from 'node:fs/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { findStack } from './stack/running-stack.ts';

/*
 * `npm run order -- FILE`: sends an order to the queue of the local stack, as an ERP system does with the connection string.
 */

const [file, ...more] = process.argv.slice(2);
if (file === undefined || file.startsWith('-') || more.length > 0) {
  process.stderr.write('Usage: npm run order -- FILE\n');
  process.exit(2);
}

try {
  const order = await readFile(file, 'utf8');
  const { storageConnectionString } = await findStack();
  const orders = QueueServiceClient.fromConnectionString(storageConnectionString).getQueueClient('orders');
  const { messageId } = await orders.sendMessage(order);
  process.stdout.write(`Sent ${file} to the queue orders as message ${messageId}.
GET /api/jobs shows its job. If the order is invalid it has no job, and GET /api/dead-letters shows the reason.\n`);
} catch (error) {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
