import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ContainerClient } from '@azure/storage-blob';
import { createAppendBlobs } from '../../../lib/azure/append-blobs.ts';

/* Answers of Blob storage that Azurite gives only after 50,000 blocks, or never. */

let answer = { status: 201, code: '' };
const requests: string[] = [];
const server = createServer((request, response) => {
  requests.push(`${request.method} ${new URL(request.url ?? '', 'http://x').searchParams.get('comp') ?? 'create'}`);
  request.resume().on('end', () => {
    response.writeHead(answer.status, { 'x-ms-error-code': answer.code, 'content-length': '0' }).end();
  });
});
let url: string;

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/account/audit`;
});
after(() => server.close());

const append = () => createAppendBlobs(new ContainerClient(url)).append('intake/000000', Buffer.from('{}\n'));

describe('append blobs', () => {
  it('say when a blob has all the blocks that it can have', async () => {
    answer = { status: 409, code: 'BlockCountExceedsLimit' };
    assert.equal(await append(), false);
  });

  it('are not called full when the storage refuses a block for another reason', async () => {
    answer = { status: 409, code: 'BlobImmutableDueToPolicy' };
    await assert.rejects(append(), { code: 'unavailable', message: /HTTP 409, BlobImmutableDueToPolicy/ });
  });

  it('are not available while their container is missing, after one try to make the blob', async () => {
    answer = { status: 404, code: 'ContainerNotFound' };
    requests.length = 0;
    await assert.rejects(append(), { code: 'unavailable', message: /HTTP 404, ContainerNotFound/ });
    assert.deepEqual(requests, ['PUT appendblock', 'PUT create']);
  });

  it('are not available without the role to write', async () => {
    answer = { status: 403, code: 'AuthorizationPermissionMismatch' };
    await assert.rejects(append(), { code: 'unavailable', message: /refuses this app's identity/ });
  });
});
