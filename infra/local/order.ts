import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { QueueServiceClient } from '@azure/storage-queue';
import { findStack } from './stack/running-stack.ts';

/*
 * Sends an order to the local stack, as an ERP would that has the account's connection string: `npm run order -- FILE`.
 */

const [file] = parseArgs({ allowPositionals: true }).positionals;
if (file === undefined) {
  process.stderr.write('Usage: npm run order -- FILE\n');
  process.exit(2);
}

try {
  const { storageConnectionString } = await findStack();
  const orders = QueueServiceClient.fromConnectionString(storageConnectionString).getQueueClient('orders');
  const { messageId } = await orders.sendMessage(await readFile(file, 'utf8'));
  process.stdout.write(`Sent ${file} to the queue orders as message ${messageId}. See GET /api/jobs.\n`);
} catch (error) {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
