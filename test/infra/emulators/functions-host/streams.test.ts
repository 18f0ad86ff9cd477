import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { createHostLab, type HostLab } from './host.ts';

/* An app that has enabled HTTP streams (`app.setup`): bodies in both directions are streams. */

const key = { 'x-functions-key': 'a function key' };
let lab: HostLab;
let url: string;

before(async () => {
  lab = await createHostLab();
  url = lab.url;
  const env = { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: String(64 * 1024 * 1024) };
  await lab.startHost('host', { app: 'streaming-app', args: ['--port', String(lab.port)], env });
});
after(() => lab?.close());

test('a function gets route values, query, headers and body, and its answer is sent unchanged', async () => {
  const body = randomBytes(8 * 1024 * 1024);
  const headers = { ...key, 'x-mark': 'a', 'x-ms-client-principal': 'forged' };
  const answer = await fetch(`${url}/api/digest/a%20b?x=1`, { method: 'POST', body, headers });
  assert.equal(answer.status, 201);
  const sha256 = hash('sha256', body);
  assert.deepEqual(await answer.json(), { name: 'a b', query: '1', header: 'a', principal: null, sha256 });
  assert.equal((await fetch(`${url}/api/digest/a`, { method: 'POST', body: 'x' })).status, 401);
});

test('a query parameter replaces the headers that the library shows, as in Azure', async () => {
  const forged = encodeURIComponent(JSON.stringify({ 'x-mark': 'forged' }));
  const headers = { ...key, 'x-mark': 'real' };
  const answer = await fetch(`${url}/api/digest/a?Headers=${forged}`, { method: 'POST', body: 'x', headers });
  assert.equal(((await answer.json()) as { header: string }).header, 'forged');
});

test('a body without Content-Length reaches the function', async () => {
  const body = randomBytes(1024 * 1024);
  const init = { method: 'POST', body: new Blob([body]).stream(), headers: key, duplex: 'half' } as RequestInit;
  const answer = await fetch(`${url}/api/digest/a`, init);
  assert.equal(((await answer.json()) as { sha256: string }).sha256, hash('sha256', body));
});

test('a body over FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is answered 500 without a body, as in Azure', async () => {
  const body = Buffer.alloc(64 * 1024 * 1024 + 1);
  const answer = await fetch(`${url}/api/digest/a`, { method: 'POST', body, headers: key });
  assert.deepEqual([answer.status, await answer.text()], [500, '']);
});

test('repeated parameters and headers are joined, long headers pass, and a path has any case', async () => {
  const sent = `${url}/API/Digest/a/?x=1&x=2`;
  const headers = { ...key, 'x-mark': 'm'.repeat(20_000) };
  const answer = await fetch(sent, { method: 'POST', body: 'x', headers });
  const { name, query, header } = (await answer.json()) as { name: string; query: string; header: string };
  assert.deepEqual([name, query, header], ['a', '1,2', headers['x-mark']]);
});

test('a client that is still sending gets the answer of a function that does not read the body', async () => {
  const answer = await fetch(`${url}/api/unread`, { method: 'POST', body: Buffer.alloc(60 * 1024 * 1024) });
  assert.deepEqual([answer.status, await answer.text()], [413, 'no']);
});

test('a long answer arrives as a whole', async () => {
  const answer = await fetch(`${url}/api/download/320`);
  assert.equal((await answer.arrayBuffer()).byteLength, 320 * 64 * 1024);
  assert.deepEqual([answer.headers.get('transfer-encoding'), answer.headers.get('content-length')], ['chunked', null]);
});

test('a body that fails in the middle ends the connection, and does not look complete', async () => {
  await assert.rejects(async () => (await fetch(`${url}/api/download/100?fails=true`)).text(), TypeError);
});

test('a function that throws answers 500 without details', async () => {
  const answer = await fetch(`${url}/api/broken`);
  assert.deepEqual([answer.status, await answer.text()], [500, '']);
});

test('a client that goes away in the middle does not stop the host', async () => {
  await new Promise<void>((resolve, reject) => {
    const sent = request(`${url}/api/download/5000`, (answer) => {
      answer.once('data', () => {
        sent.destroy();
        resolve();
      });
    });
    sent.on('error', reject);
    sent.end();
  });
  assert.equal((await fetch(`${url}/api/download/1`)).status, 200);
});
