import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'csv-parse/sync';
import { maxBodyBytes } from '../../functions/http/body.ts';
import { operation } from '../operation.ts';
import { startTestStack, type TestStack } from './test-stack.ts';

/*
 * One request must not hurt the others: large bodies and large reports, with the memory of the host and the time of other
 * requests measured meanwhile. The bounds are far below what one such request took once (1.8 GB and 8 s for 20 MB), and far
 * above what it takes now, since the machine may be busy.
 */

const MB = 1_000_000;
const maxGrowthBytes = 300 * MB;
const maxOtherMilliseconds = 4_000;
/** The memory of the host is read from /proc. */
const limit = { timeout: 240_000, skip: process.platform !== 'linux' };

let fleet: TestStack;
before(async () => {
  fleet = await startTestStack();
  await fleet.api.put('enrollment-groups/line7', { keyCustody: 'plain' });
});
after(() => fleet?.close());

interface Sent {
  readonly status: number;
  readonly code?: string;
}

/** Sends the body at once, as fast as the host takes it. @param chunked without a Content-Length */
async function send(method: string, path: string, body: Buffer, type: string, chunked = false): Promise<Sent> {
  const headers = {
    'x-functions-key': fleet.stack.functionsKey,
    'content-type': type,
    ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': body.length }),
  };
  const sent = request(new URL(`/api/${path}`, fleet.stack.urls.functions), { method, headers, agent: false });
  const answered = once(sent, 'response');
  sent.end(body);
  const [answer] = await answered;
  const text = Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>)).toString();
  return { status: answer.statusCode, ...(text.startsWith('{"type"') && { code: JSON.parse(text).title }) };
}

/** The resident memory of the Functions host in bytes. */
async function memory(): Promise<number> {
  const status = await readFile(`/proc/${fleet.stack.process('functions').pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/** Runs the work, and asserts that the host grows little and answers other requests quickly all the time. */
async function withoutHarm<T>(what: string, work: () => Promise<T>): Promise<T> {
  await fleet.api.get('enrollment-groups/line7');
  const { pid } = fleet.stack.process('functions');
  const before = await memory();
  let isDone = false;
  let peak = before;
  let slowest = 0;
  const watching = [
    (async () => {
      for (; !isDone; await sleep(20)) peak = Math.max(peak, await memory());
    })(),
    (async () => {
      for (; !isDone; await sleep(20)) {
        const start = performance.now();
        await fleet.api.get('enrollment-groups/line7');
        slowest = Math.max(slowest, performance.now() - start);
      }
    })(),
  ];
  const result = await work().finally(() => {
    isDone = true;
  });
  await Promise.all(watching);
  const [grown, time] = [Math.round((peak - before) / MB), Math.round(slowest)];
  console.log(`${what}: the host grew by ${grown} MB, the slowest other request took ${time} ms`);
  assert.equal(fleet.stack.process('functions').pid, pid, 'the host survives');
  assert.ok(peak - before < maxGrowthBytes, `${grown} MB`);
  assert.ok(slowest < maxOtherMilliseconds, `${time} ms`);
  return result;
}

/** A group definition of that many bytes, nearly all of them a list of hubs. */
function definitionOf(bytes: number): Buffer {
  const [start, end] = ['{"keyCustody":"plain","iotHubs":["a"', ']}'];
  const rest = bytes - start.length - end.length;
  return Buffer.from(`${start}${',"a"'.repeat(Math.floor(rest / 4))}${' '.repeat(rest % 4)}${end}`);
}

const put = (body: Buffer, chunked?: boolean) =>
  send('PUT', 'enrollment-groups/big', body, 'application/json', chunked);

test('a group definition is read up to its limit, and refused with one byte more', limit, async () => {
  const most = maxBodyBytes(operation('put-enrollment-group'));
  // Read, and refused for its content.
  assert.deepEqual(await put(definitionOf(most)), { status: 422, code: 'group-invalid' });
  assert.deepEqual(await put(definitionOf(most + 1)), { status: 413, code: 'request-too-large' });
});

for (const megabytes of [20, 90]) {
  test(`a group definition of ${megabytes} MB is refused and hurts no other request`, limit, async () => {
    const body = definitionOf(megabytes * MB);
    for (const chunked of [false, true]) {
      const what = `PUT of ${megabytes} MB, ${chunked ? 'chunked' : 'with its length'}`;
      const sent = await withoutHarm(what, () => put(body, chunked));
      assert.deepEqual(sent, { status: 413, code: 'request-too-large' });
    }
    assert.equal((await send('GET', 'enrollment-groups/big', Buffer.alloc(0), '')).status, 404);
  });

  test(
    `a body of ${megabytes} MB for an operation without one is refused and hurts no other request`,
    limit,
    async () => {
      const body = Buffer.alloc(megabytes * MB);
      const sent = await withoutHarm(`POST of ${megabytes} MB to cancel`, () =>
        send('POST', `jobs/${'a'.repeat(24)}/cancel`, body, 'text/csv'),
      );
      assert.deepEqual(sent, { status: 413, code: 'request-too-large' });
    },
  );

  const isTaken = megabytes * MB <= maxBodyBytes(operation('submit-job'));
  test(
    `a manifest of ${megabytes} MB is ${isTaken ? 'stored' : 'refused'} and hurts no other request`,
    limit,
    async () => {
      // Its job fails at the first byte: only the upload is measured.
      const body = Buffer.alloc(megabytes * MB);
      const sent = await withoutHarm(`POST of ${megabytes} MB`, () => send('POST', 'jobs', body, 'text/csv'));
      const refusal = { status: 413, code: 'manifest-too-large' };
      assert.deepEqual(isTaken ? sent.status : sent, isTaken ? 202 : refusal);
    },
  );
}

test('a manifest over the limit is refused when it is sent without its length', limit, async () => {
  const body = Buffer.alloc(maxBodyBytes(operation('submit-job')) + 1);
  const sent = await withoutHarm('POST over the limit, chunked', () => send('POST', 'jobs', body, 'text/csv', true));
  assert.deepEqual(sent, { status: 413, code: 'manifest-too-large' });
});

test('three reports of a job with 64 bad rows of 1 MB at once hurt no other request', limit, async () => {
  const rows = Array.from({ length: 64 }, (_, index) => `GW-${index},${'x'.repeat(MB)}\n`);
  const jobId = await fleet.upload('line7/long.csv', `deviceId,tags.a\n${rows.join('')}`);
  const job = await fleet.ended(jobId);
  assert.equal(job.counts.rejected, 64);
  const reports = await withoutHarm('three reports', () =>
    Promise.all([1, 2, 3].map(() => fleet.api.getBytes(`jobs/${jobId}/errors`))),
  );
  for (const report of reports) {
    const lines = parse(Buffer.from(report)) as string[][];
    assert.equal(lines.length, 65);
    assert.match(lines[1]?.at(-1) ?? '', /line 2 of the manifest has the whole row/);
  }
});
