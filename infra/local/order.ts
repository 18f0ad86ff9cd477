import { readFile } from 'node:fs/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { textOf } from '../../lib/jobs/message-text.ts';
import { repeatedMember } from '../../lib/manifest/json-text.ts';
import { runCommand } from '../tools/command-line.ts';
import { findStack } from './stack/running-stack.ts';

/*
 * `npm run order -- FILE`: sends an order to the queue of the local stack, as an ERP system does with the connection string.
 */

const usage = `Usage: npm run order -- FILE

Sends an order to the queue of the running local stack (npm start).

  FILE         an order in JSON, plain or in a CloudEvents envelope, or a list of orders; UTF-8 or UTF-16
  -h, --help   show this text

Exit codes: 0 sent, 1 failure, 2 invalid command line.

Example: npm run order -- samples/order.json`;

await runCommand({ usage, operands: ['FILE'] }, async ({ operands: [file = ''] }) => {
  const order = textOf(await readFile(file));
  if (order === undefined) throw new Error(`${file} is neither UTF-8 nor UTF-16. Save it as UTF-8.`);
  // The host parses the message, and would keep the last of the two.
  const repeated = repeatedMember(order);
  if (repeated !== undefined) throw new Error(`${file} has the member "${repeated}" twice. Remove one of the two.`);
  const { storageConnectionString } = await findStack();
  const orders = QueueServiceClient.fromConnectionString(storageConnectionString).getQueueClient('orders');
  const { messageId } = await orders.sendMessage(order);
  process.stdout.write(`Sent ${file} to the queue orders as message ${messageId}.
GET /api/jobs shows its job. If the order is invalid it has no job, and GET /api/dead-letters shows the reason.\n`);
  return 0;
});
