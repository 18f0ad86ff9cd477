import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import functions, { type HttpResponseInit } from '@azure/functions';
import { consoleFile, consolePage, readConsole } from '../../../functions/http/console.ts';

const script = 'console.log("hello")';
const folder = mkdtempSync(join(tmpdir(), 'fleet-console-'));
const files = readConsole(pathToFileURL(`${folder}/`), 'entra');

before(() => {
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'index.html'), '<meta content="%ACCESS%">');
  writeFileSync(join(folder, 'assets/main-ABC.js'), script);
  writeFileSync(join(folder, 'assets/main-ABC.js.br'), brotliCompressSync(script));
  writeFileSync(join(folder, 'assets/main-ABC.js.gz'), gzipSync(script));
});
after(() => rmSync(folder, { recursive: true }));

async function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<HttpResponseInit> {
  const request = new functions.HttpRequest({ method, url: `https://fleet.example${path}`, headers });
  const context = new functions.InvocationContext({ invocationId: 'test' });
  return (await consoleFile(files)(request, context)) as HttpResponseInit;
}

const headersOf = (answer: HttpResponseInit) => answer.headers as Record<string, string>;
const bytesOf = (answer: HttpResponseInit) => answer.body as Uint8Array;

describe('the console over HTTP', () => {
  it('gives the page for every address inside it, with the way to sign in, and has it asked for each time', async () => {
    for (const path of ['/console', '/console/', '/console/devices/gw-1', '/console/index.html']) {
      const answer = await get(path);
      assert.equal(answer.status, 200, path);
      assert.equal(Buffer.from(bytesOf(answer)).toString(), '<meta content="entra">');
      assert.equal(headersOf(answer)['cache-control'], 'no-cache');
      assert.equal(headersOf(answer)['content-type'], 'text/html; charset=utf-8');
    }
  });

  it('gives an asset for a year, in the encoding that the client takes', async () => {
    const brotli = await get('/console/assets/main-ABC.js', { 'accept-encoding': 'gzip, deflate, br' });
    assert.equal(headersOf(brotli)['cache-control'], 'public, max-age=31536000, immutable');
    assert.equal(headersOf(brotli)['content-encoding'], 'br');
    assert.equal(brotliDecompressSync(bytesOf(brotli)).toString(), script);
    const gzip = await get('/console/assets/main-ABC.js', { 'accept-encoding': 'br;q=0, GZIP;q=0.5' });
    assert.equal(gunzipSync(bytesOf(gzip)).toString(), script);
    const plain = await get('/console/assets/main-ABC.js');
    assert.equal(headersOf(plain)['content-encoding'], undefined);
    assert.equal(Buffer.from(bytesOf(plain)).toString(), script);
    for (const each of [brotli, gzip, plain]) assert.equal(headersOf(each)['vary'], 'accept-encoding');
  });

  it('answers 304 for the version that the client has, by encoding', async () => {
    const first = await get('/console/', { 'accept-encoding': 'br' });
    const etag = headersOf(first)['etag'] ?? '';
    const again = await get('/console/', { 'accept-encoding': 'br', 'if-none-match': `"other", W/${etag}` });
    assert.equal(again.status, 304);
    assert.equal(again.body, undefined);
    assert.equal(headersOf(again)['etag'], etag);
    assert.equal((await get('/console/', { 'if-none-match': etag })).status, 200);
  });

  it('has the rules of the page in headers: its own script and style only, no frame, no Referer for other sites', async () => {
    for (const path of ['/console/', '/console/assets/main-ABC.js', '/console/assets/none.js']) {
      const headers = headersOf(await get(path));
      const policy = headers['content-security-policy'] ?? '';
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.doesNotMatch(policy, /unsafe|\*/);
      assert.equal(headers['referrer-policy'], 'same-origin');
      assert.equal(headers['x-content-type-options'], 'nosniff');
    }
  });

  it('has no file but its own', async () => {
    for (const path of ['assets/none.js', 'assets/', 'assets/../../package.json', 'assets/main-ABC.js.br']) {
      const answer = await get(`/console/${path}`);
      const isPage = headersOf(answer)['content-type']?.startsWith('text/html');
      assert.ok(answer.status === 404 || isPage, path);
    }
  });

  it('answers HEAD without a body, and leads / to the console', async () => {
    const answer = await get('/console/', {}, 'HEAD');
    assert.deepEqual([answer.status, answer.body], [200, undefined]);
    const context = new functions.InvocationContext({ invocationId: 'test' });
    const request = new functions.HttpRequest({ method: 'GET', url: 'https://fleet.example/' });
    const root = (await consolePage(request, context)) as HttpResponseInit;
    assert.deepEqual([root.status, headersOf(root)['location']], [302, '/console/']);
  });

  it('says when the build has no console, and has it once it is there', async () => {
    const later = mkdtempSync(join(tmpdir(), 'fleet-console-'));
    const read = readConsole(pathToFileURL(`${later}/`), 'keys');
    const request = new functions.HttpRequest({ method: 'GET', url: 'https://fleet.example/console/' });
    const context = new functions.InvocationContext({ invocationId: 'test' });
    const missing = (await consoleFile(read)(request, context)) as HttpResponseInit;
    assert.equal(missing.status, 404);
    assert.match(String(missing.body), /npm run build/);
    mkdirSync(join(later, 'assets'));
    writeFileSync(join(later, 'index.html'), 'here');
    assert.equal(((await consoleFile(read)(request, context)) as HttpResponseInit).status, 200);
    rmSync(later, { recursive: true });
  });
});
