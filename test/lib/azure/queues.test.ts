import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { QueueServiceClient } from '@azure/storage-queue';
import { createMessageQueue } from '../../../lib/azure/queues.ts';
import { startAzurite } from '../../infra/local/azurite.ts';

async function someQueue(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-queue-'));
  const azurite = await startAzurite(directory);
  t.after(async () => {
    await azurite.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient('chunks');
  await queue.create();
  return queue;
}

test('a message does not expire after a week, the default of storage queues', async (t) => {
  const queue = await someQueue(t);
  await createMessageQueue<object>(queue).send([{ chunk: 1 }]);
  const { receivedMessageItems } = await queue.receiveMessages();
  const years = (receivedMessageItems[0]?.expiresOn.getFullYear() ?? 0) - new Date().getFullYear();
  assert.ok(years > 100, `expires in ${years} years`);
});

test('a message arrives as it is, whatever characters its sender wrote', async (t) => {
  const queue = await someQueue(t);
  const message = { text: '\u0000\u0085\ufffe\uffff\ud800 & <b> \u{1ffff}' };
  await createMessageQueue<object>(queue).send([message]);
  const { receivedMessageItems } = await queue.receiveMessages();
  assert.deepEqual(JSON.parse(receivedMessageItems[0]?.messageText ?? 'null'), message);
});
