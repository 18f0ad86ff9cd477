import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { maxBodyBytes } from '../../functions/http/body.ts';
import { errorCodes } from '../../lib/errors.ts';
import fc from '../fast-check.ts';
import { operation } from '../operation.ts';
import { checkAnswer } from './checked-answers.ts';
import { startTestStack, type TestStack } from './test-stack.ts';

/*
 * Requests that no client sends by mistake, written to a socket so that no library corrects them. Every refusal is a problem
 * document with an error code, or an empty answer of the host. None shows internals such as a stack trace.
 */

let fleet: TestStack;
before(async () => {
  fleet = await startTestStack();
  await fleet.api.put('enrollment-groups/line7', { keyCustody: 'plain' });
});
after(() => fleet?.close());

const limit = { timeout: 120_000 };

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

interface Hostile {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Buffer;
}

/** Sends the request unchanged; `content-length` is that of the body unless given. An empty header is left out. */
async function send({ method = 'GET', path, headers = {}, body = '' }: Hostile): Promise<Answer> {
  const { hostname, port } = new URL(fleet.stack.urls.functions);
  const all = {
    host: 'localhost',
    'x-functions-key': fleet.stack.functionsKey,
    connection: 'close',
    ...(method === 'GET' ? {} : { 'content-length': Buffer.byteLength(body) }),
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === '' ? [] : [`${name}: ${value}\r\n`]));
  const socket = createConnection({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  socket.write(Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1'));
  socket.write(body);
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  // The server may close the connection before it has read everything. Its answer up to then counts.
  socket.on('error', () => {});
  await once(socket, 'close');
  const answer = parse(Buffer.concat(parts).toString('latin1'));
  const seen = { ...answer, method, path, headers: new Headers(answer.headers) };
  checkAnswer(seen);
  return answer;
}

function parse(raw: string): Answer {
  const end = raw.indexOf('\r\n\r\n');
  const [first = '', ...lines] = raw.slice(0, end).split('\r\n');
  const status = Number(first.split(' ')[1]);
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const text = raw.slice(end + 4);
  return { status, headers, text: headers['transfer-encoding'] === 'chunked' ? unchunked(text) : text };
}

function unchunked(text: string): string {
  const line = text.indexOf('\r\n');
  const [length, rest] = [Number.parseInt(text.slice(0, line), 16), text.slice(line + 2)];
  return length > 0 ? rest.slice(0, length) + unchunked(rest.slice(length + 2)) : '';
}

/** Asserts a refusal: by the app with a code, or by the host with an empty body; no internals, no injected header. */
function assertRefused({ status, headers, text }: Answer): void {
  assert.ok(status >= 400 && status < 500, `${status} ${text}`);
  assert.equal(headers['x-injected'], undefined);
  assert.doesNotMatch(text, /node_modules|file:\/\/|\bat \S+ \(|\/(functions|lib|dist)\/|PRIVATE KEY/);
  if (headers['content-type'] === undefined) {
    assert.equal(text, '');
    return;
  }
  assert.equal(headers['content-type'], 'application/problem+json');
  const { title, hint } = JSON.parse(text);
  assert.ok(errorCodes.includes(title), title);
  assert.notEqual(hint, '');
}

const csv = { 'content-type': 'text/csv' };
const jobs = '/api/jobs?enrollmentGroup=line7';
const post = (headers: Hostile['headers'], body: string | Buffer) =>
  send({ method: 'POST', path: jobs, ...(headers && { headers }), body });

test('a body that does not match its headers is refused', limit, async () => {
  const list = 'deviceId\nhostile-1\n';
  const refused: [Promise<Answer>, number, string?][] = [
    [post({ 'content-type': 'application/pdf' }, list), 415, 'manifest-format'],
    [post({ 'content-type': '' }, list), 415, 'manifest-format'],
    [post({ 'content-type': `text/csv${'; a=b'.repeat(500)}`, 'content-length': 0 }, ''), 422, 'manifest-empty'],
    [post({ ...csv, 'content-length': '', 'transfer-encoding': 'chunked' }, '0\r\n\r\n'), 422, 'manifest-empty'],
    // Longer than the app takes: refused by its Content-Length, before the body is sent.
    [post({ ...csv, 'content-length': maxBodyBytes(operation('submit-job')) + 1 }, list), 413, 'manifest-too-large'],
    [post({ ...csv, 'content-length': 'many' }, list), 400],
    // Both lengths at once can smuggle a second request (RFC 9112, 6.3).
    [post({ ...csv, 'transfer-encoding': 'chunked' }, '0\r\n\r\nGET /api/health HTTP/1.1\r\n\r\n'), 400],
  ];
  for (const [sent, status, code] of refused) {
    const answer = await sent;
    assertRefused(answer);
    assert.equal(answer.status, status, answer.text);
    if (code !== undefined) assert.equal(JSON.parse(answer.text).title, code);
  }
});

test('a client that disconnects in the middle of a request does not harm the host', limit, async () => {
  const { hostname, port } = new URL(fleet.stack.urls.functions);
  const { pid } = fleet.stack.process('functions');
  const key = `x-functions-key: ${fleet.stack.functionsKey}`;
  for (const cut of [
    `POST ${jobs} HTTP/1.1\r\nhost: localhost\r\n${key}\r\ncontent-type: text/csv\r\ncontent-length: 5000\r\n\r\ndeviceId\n`,
    `GET /api/devices HTTP/1.1\r\nhost: localhost\r\n${key}\r\n\r\n`,
    'GET /api/dev',
  ]) {
    const socket = createConnection({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    await new Promise((resolve) => socket.write(cut, resolve));
    socket.resetAndDestroy();
  }
  assert.equal((await send({ path: '/api/health' })).status, 200);
  assert.equal(fleet.stack.process('functions').pid, pid);
});

test('a gzip body is unpacked, and refused when it is truncated or no gzip', limit, async () => {
  const zipped = gzipSync('deviceId\nhostile-2\n');
  const packed = { ...csv, 'content-encoding': 'gzip' };
  const accepted = await post(packed, zipped);
  assert.equal(accepted.status, 202);
  const job = await fleet.ended((accepted.headers['location'] ?? '').replace('/api/jobs/', ''));
  assert.deepEqual([job.status, job.counts.total], ['completed', 1]);
  for (const body of [zipped.subarray(0, 12), Buffer.from('\u0000\u0001\ufffe', 'utf16le')]) {
    const answer = await post(packed, body);
    assertRefused(answer);
    assert.equal(answer.status, 400);
  }
  const unnamed = await post(csv, zipped);
  const failed = await fleet.ended((unnamed.headers['location'] ?? '').replace('/api/jobs/', ''));
  assert.deepEqual([failed.status, failed.reason?.code], ['failed', 'manifest-not-text']);
});

test('the request after a refused body is answered at once', limit, async () => {
  const bomb = gzipSync(Buffer.alloc(300 * 1024 * 1024, 'a'));
  const begun = performance.now();
  assert.equal((await post({ ...csv, 'content-encoding': 'gzip' }, bomb)).status, 413);
  const unknownCharset = { ...csv, 'content-type': 'text/csv; charset=klingon' };
  assert.equal((await post(unknownCharset, Buffer.alloc(3 * 1024 * 1024, 'a'))).status, 415);
  for (let time = 1; time <= 5; time++) assert.equal((await send({ path: '/api/me' })).status, 200);
  assert.ok(performance.now() - begun < 30_000);
});

test('oversized and deeply nested definitions are refused', limit, async () => {
  const put = (body: string) => send({ method: 'PUT', path: '/api/enrollment-groups/bomb', body });
  const deep = (levels: number) => `{"a":`.repeat(levels) + 1 + '}'.repeat(levels);
  for (const body of [
    deep(100_000),
    `{"keyCustody":"plain","initialTwin":{"tags":${deep(5_000)}}}`,
    `[${'[],'.repeat(200_000)}0]`,
    `{"keyCustody":"plain","iotHubs":[${'"a",'.repeat(100_000)}"a"]}`,
    `{"keyCustody":"plain","description":"${'x'.repeat(5_000_000)}"}`,
    '{"__proto__":{"keyCustody":"plain"}}',
    `{"keyCustody":${'9'.repeat(100_000)}}`,
    '{"keyCustody":"plain","constructor":{"prototype":{}}}',
  ])
    assertRefused(await put(body));
  assert.equal((await send({ path: '/api/enrollment-groups/bomb' })).status, 404);
  assert.equal((await send({ path: '/api/health' })).status, 200);
});

test('hostile ids and parameters are refused and change no path, header or query', limit, async () => {
  const piece = fc.constantFrom(
    ...[
      '..',
      '.',
      '/',
      '%2f',
      '%2F',
      '%5c',
      '%00',
      '%0d%0a',
      'x-injected:%20yes',
      '%252e',
      '%c0%ae',
      '%ff',
      '%',
      '%zz',
    ],
    ...[
      '%e2%80%ae',
      '%f0%9f%92%a3',
      '%ef%bc%8f',
      '"',
      "'",
      ';',
      '&',
      '=',
      '?',
      '[]',
      '{',
      '}',
      '$',
      '*',
      '~',
      'GW',
      'line7',
    ],
    ...['__proto__', 'constructor', 'null', 'a'.repeat(65), 'b'.repeat(2_000), '=cmd%7c', 'http:%2f%2flocalhost'],
  );
  // The leading "%" makes sure that no generated text is a valid id.
  const hostile = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => `%25${pieces.join('')}`);
  const routes = ['devices/{}', 'devices/{}/bundle', 'jobs/{}', 'jobs/{}/errors', 'enrollment-groups/{}'];
  const lists = [
    'devices?limit={}',
    'devices?continuation={}',
    'devices?status={}',
    'jobs?limit={}',
    'dead-letters?limit={}',
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...routes), hostile, async (route, text) => {
      const path = `/api/${route.replace('{}', text)}`;
      // Dot segments are removed before a path is routed. What is left can be a list, with a slash at its end.
      fc.pre(!/^\/api\/[a-z-]+\/?$/.test(new URL(path, 'http://localhost').pathname));
      assertRefused(await send({ path }));
    }),
    { numRuns: 300, interruptAfterTimeLimit: 20_000 },
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...lists), hostile, async (list, text) => {
      // Text after "&" or "#" belongs to another parameter.
      assertRefused(await send({ path: `/api/${list.replace('{}', text)}` }));
    }),
    { numRuns: 200, interruptAfterTimeLimit: 15_000 },
  );
  assert.equal((await send({ path: '/api/health' })).status, 200);
});
