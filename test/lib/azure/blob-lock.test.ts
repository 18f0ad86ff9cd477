import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { createBlobLock } from '../../../lib/azure/blob-lock.ts';
import { createMessageQueue } from '../../../lib/azure/queues.ts';
import { startAzurite } from '../../infra/local/azurite.ts';

const directory = mkdtempSync(join(tmpdir(), 'fleet-lease-'));
let azurite: Awaited<ReturnType<typeof startAzurite>>;
before(async () => {
  azurite = await startAzurite(directory);
  await BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('locks').create();
});
after(async () => {
  await azurite.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A turn as another process would have it: with clients of its own. */
function turnOf(name: string) {
  const blobs = BlobServiceClient.fromConnectionString(azurite.connectionString);
  return createBlobLock(blobs.getContainerClient('locks').getBlockBlobClient(name));
}

/** Work that goes on until it is told to end. */
function openWork() {
  const { promise, resolve: end } = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  const work = () => {
    began.resolve();
    return promise;
  };
  return { work, end, began: began.promise };
}

describe('a turn by blob lease', () => {
  it('is had by one process at a time, and by the next when that one is done', async () => {
    const [first, second] = [turnOf('one'), turnOf('one')];
    const { work, end, began } = openWork();
    const taken = first.take(work);
    await began;
    assert.equal(await second.take(() => assert.fail('two at once')), false);
    end();
    assert.equal(await taken, true);
    assert.equal(await second.take(async () => {}), true);
  });

  it('makes takers of one process stand in line', async () => {
    const turn = turnOf('line');
    const order: string[] = [];
    const { work, end, began } = openWork();
    const first = turn.take(async () => {
      await work();
      order.push('first');
    });
    const next = turn.take(async () => void order.push('next'));
    await began;
    end();
    assert.deepEqual(await Promise.all([first, next]), [true, true]);
    assert.deepEqual(order, ['first', 'next']);
  });

  it('is given back when the work fails, and the failure passed on', async () => {
    await assert.rejects(
      turnOf('failing').take(() => Promise.reject(new Error('no'))),
      /^Error: no$/,
    );
    assert.equal(await turnOf('failing').take(async () => {}), true);
  });

  it('is had by one when several come first at the same moment, and nobody fails', async () => {
    let at = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++at);
      await new Promise((resolve) => setImmediate(resolve));
      at -= 1;
    };
    const taken = await Promise.all(Array.from({ length: 6 }, () => turnOf('race').take(work)));
    assert.ok(taken.includes(true));
    assert.equal(most, 1);
  });
});

describe('a storage queue', () => {
  it('hides a message for as long as it is told, and counts it all the same', async () => {
    const client = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient('later');
    await client.create();
    const outbox = createMessageQueue<{ n: number }>(client);
    await outbox.send([{ n: 1 }], { delaySeconds: 600 });
    await outbox.send([{ n: 2 }]);
    assert.equal(await outbox.waiting(), 2);
    const { receivedMessageItems } = await client.receiveMessages({ numberOfMessages: 32 });
    assert.deepEqual(
      receivedMessageItems.map(({ messageText }) => messageText),
      ['{"n":2}'],
    );
  });
});
