import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { createAppendBlobs } from '../../../lib/azure/append-blobs.ts';
import { createBlobLock } from '../../../lib/azure/blob-lock.ts';
import { createBlobStore } from '../../../lib/azure/blobs.ts';
import { createMessageQueue } from '../../../lib/azure/queues.ts';
import { assertEvery } from '../../assert-every.ts';

/* A storage service that takes a request and does not answer, or answers half of it. */

let respond: (response: ServerResponse, request: IncomingMessage) => void = () => {};
const server = createServer((request, response) => {
  request.resume();
  respond(response, request);
});
let connectionString = '';

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const place = `http://127.0.0.1:${(server.address() as AddressInfo).port}/devstoreaccount1`;
  const account = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${btoa('key')}`;
  connectionString = `${account};BlobEndpoint=${place};QueueEndpoint=${place}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const options = { timeoutMs: 200, retry: { maxWaitSeconds: 0, sleep: async () => {} } };
const store = () =>
  createBlobStore(BlobServiceClient.fromConnectionString(connectionString).getContainerClient('manifests'), options);
const queue = () =>
  createMessageQueue(QueueServiceClient.fromConnectionString(connectionString).getQueueClient('chunks'), options);
const locks = () => BlobServiceClient.fromConnectionString(connectionString).getContainerClient('locks');
const appendBlobs = () => createAppendBlobs(locks(), options);
const lock = () => createBlobLock(locks().getBlockBlobClient('sweep'), options);
const contentType = 'text/csv';

const sent =
  '<?xml version="1.0"?><QueueMessagesList><QueueMessage><MessageId>m</MessageId><PopReceipt>p</PopReceipt></QueueMessage></QueueMessagesList>';

async function* rows() {
  yield Buffer.from('deviceId\n');
}

describe('a storage service that does not answer', () => {
  const calls: [string, () => Promise<unknown>][] = [
    ['create', () => store().create('a', Buffer.from('x'), { contentType })],
    ['createFrom', () => store().createFrom('a', rows(), { contentType })],
    ['write', () => store().write('a', Buffer.from('x'), { contentType })],
    ['read', () => store().read('a')],
    ['readRange', () => store().readRange('a', { offset: 0, length: 1 })],
    ['open', () => store().open('a', {})],
    ['properties', () => store().properties('a')],
    ['send', () => queue().send([{}])],
    ['waiting', () => queue().waiting()],
    ['append', () => appendBlobs().append('a', Buffer.from('x'))],
    ['tryRun', () => lock().tryRun(async () => {})],
  ];
  for (const [name, call] of calls) {
    it(`makes ${name} fail as unavailable after the timeout`, async () => {
      respond = () => {};
      await assert.rejects(call(), { code: 'unavailable' });
    });
  }

  it('gets only the throttled messages again', async () => {
    let requests = 0;
    respond = (response) => {
      requests += 1;
      const refused = requests % 3 === 0;
      if (refused) response.writeHead(429, { 'retry-after': '7' }).end();
      else response.writeHead(201, { 'content-type': 'application/xml' }).end(sent);
    };
    const waits: number[] = [];
    const retry = { maxWaitSeconds: 60, sleep: async (milliseconds: number) => void waits.push(milliseconds) };
    const client = QueueServiceClient.fromConnectionString(connectionString).getQueueClient('chunks');
    await createMessageQueue(client, { timeoutMs: 2000, retry }).send(Array.from({ length: 20 }, () => ({})));
    assert.equal(requests, 20 + waits.length);
    assertEvery(waits, (wait) => wait === 7000);
  });

  it('makes a stream fail that stops in the middle', async () => {
    respond = (response) => {
      response.writeHead(200, { 'content-length': '100', etag: '"1"', 'last-modified': new Date().toUTCString() });
      response.write('deviceId\n');
    };
    const stream = await store().open('a', {});
    assert.ok(stream);
    await assert.rejects(
      async () => {
        for await (const part of stream) assert.ok(part.length > 0);
      },
      { name: 'AbortError' },
    );
  });
});

describe('the lease of a lock', () => {
  const leaseHeaders = { 'x-ms-lease-id': '00000000-0000-4000-8000-000000000000', etag: '"1"' };

  /**
   * Runs work under a lock, and lets the time of so many renewals pass meanwhile.
   * @param answer the status for a `renew` or a `release`
   * @returns the actions that the service was asked for, and what `tryRun` gave
   */
  async function workUnder(t: TestContext, renewals: number, answer: (action: string) => number) {
    const asked: string[] = [];
    let onAction = () => {};
    respond = (response, request) => {
      const action = String(request.headers['x-ms-lease-action']);
      asked.push(action);
      response.writeHead(action === 'acquire' ? 201 : answer(action), leaseHeaders).end();
      onAction();
    };
    const renew: (() => void)[] = [];
    const intervals: number[] = [];
    t.mock.method(globalThis, 'setInterval', (act: () => void, milliseconds: number) => {
      renew.push(act);
      intervals.push(milliseconds);
      return { unref() {} };
    });
    const ran = await lock().tryRun(async () => {
      for (let index = 0; index < renewals; index++) {
        const { promise, resolve } = Promise.withResolvers<void>();
        onAction = resolve;
        for (const act of renew) act();
        await promise;
        // The answer arrives, and its error too.
        await pause(20);
      }
    });
    return { asked, ran, intervals };
  }

  it('is renewed while the work runs, well before it ends, and released after it', async (t) => {
    const { asked, ran, intervals } = await workUnder(t, 2, () => 200);
    assert.equal(ran, true);
    assert.deepEqual(asked, ['acquire', 'renew', 'renew', 'release']);
    assert.deepEqual(intervals, [20_000]);
  });

  for (const status of [404, 409, 412]) {
    it(`that can neither be renewed nor released (${status}) does not end the work, nor this process`, async (t) => {
      const { asked, ran } = await workUnder(t, 2, () => status);
      assert.equal(ran, true);
      assert.deepEqual(asked, ['acquire', 'renew', 'renew', 'release']);
    });
  }
});
