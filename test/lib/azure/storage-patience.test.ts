import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { createBlobStore } from '../../../lib/azure/blobs.ts';
import { createOutbox } from '../../../lib/azure/storage-queue.ts';

/* A storage that takes a request and says nothing, or says half and no more. */

let respond: (response: ServerResponse) => void = () => {};
const server = createServer((request, response) => {
  request.resume();
  respond(response);
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

const options = { patience: 200 };
const store = () =>
  createBlobStore(BlobServiceClient.fromConnectionString(connectionString).getContainerClient('manifests'), options);
const outbox = () =>
  createOutbox(QueueServiceClient.fromConnectionString(connectionString).getQueueClient('chunks'), options);
const contentType = 'text/csv';

async function* rows() {
  yield Buffer.from('deviceId\n');
}

describe('a storage that does not answer', () => {
  const calls: [string, () => Promise<unknown>][] = [
    ['create', () => store().create('a', Buffer.from('x'), { contentType })],
    ['createFrom', () => store().createFrom('a', rows(), { contentType })],
    ['write', () => store().write('a', Buffer.from('x'), { contentType })],
    ['read', () => store().read('a')],
    ['readRange', () => store().readRange('a', { offset: 0, length: 1 })],
    ['open', () => store().open('a', {})],
    ['properties', () => store().properties('a')],
    ['send', () => outbox().send([{}])],
    ['waiting', () => outbox().waiting()],
  ];
  for (const [name, call] of calls) {
    it(`is unavailable to ${name}, and not waited for`, async () => {
      respond = () => {};
      await assert.rejects(call(), { code: 'unavailable' });
    });
  }

  it('breaks a stream that stops in the middle', async () => {
    respond = (response) => {
      response.writeHead(200, { 'content-length': '100', etag: '"1"', 'last-modified': new Date().toUTCString() });
      response.write('deviceId\n');
    };
    const stream = await store().open('a', {});
    await assert.rejects(async () => {
      for await (const part of stream) assert.ok(part.length > 0);
    });
  });
});
