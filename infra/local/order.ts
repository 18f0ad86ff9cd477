import { readFile } from 'node:fs/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { findStack } from './stack/running-stack.ts';

/*
 * Sends an order to the local stack, as an ERP would that has the account's connection string: `npm run order -- FILE`.
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
Its job is in GET /api/jobs; an order that cannot be read has none, and GET /api/dead-letters says why.\n`);
} catch (error) {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
