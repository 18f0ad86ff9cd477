import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { maxStreams, streamed } from '../../../functions/http/response-stream.ts';
import { until } from '../../until.ts';

/*
 * The server sends bodies as @azure/functions 4.16 does (src/http/httpProxy.ts): it ignores back pressure, and leaves the
 * connection open when the body fails.
 */

interface Source {
  readonly pieces: AsyncIterable<string>;
  produced: number;
  ended: boolean;
}

const sources = new Map<string, Source>();
const server = createServer(async ({ headers }, response) => {
  const id = String(headers['x-ms-invocation-id']);
  try {
    const body = await streamed(id, sources.get(id)?.pieces ?? emptyBody());
    for await (const piece of body) response.write(piece);
    response.end();
  } catch (error) {
    if (!response.headersSent && !response.destroyed) response.writeHead(503).end(String((error as Error).message));
  }
});
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => void server.close());

async function* emptyBody(): AsyncIterable<string> {
  yield 'header\n';
}

/** A body of pieces of 64 KiB. @param failsAt the number of the piece in whose place an error is thrown */
function source(id: string, count: number, failsAt = Number.POSITIVE_INFINITY): Source {
  async function* pieces() {
    try {
      for (let number = 0; number < count; number++) {
        if (number === failsAt) throw new Error('a report cannot be read');
        made.produced += 1;
        yield 'x'.repeat(64 * 1024);
        await sleep(0);
      }
    } finally {
      made.ended = true;
    }
  }
  const made: Source = { pieces: pieces(), produced: 0, ended: false };
  sources.set(id, made);
  return made;
}

async function get(id: string): Promise<IncomingMessage> {
  const { port } = server.address() as AddressInfo;
  const sent = request({ port, host: '127.0.0.1', agent: false, headers: { 'x-ms-invocation-id': id } });
  sent.on('error', () => {});
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.on('error', () => {});
  return answer;
}

async function bytesOf(answer: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const part of answer) bytes += (part as Buffer).length;
  return bytes;
}

describe('a streamed answer', () => {
  it('arrives whole', async () => {
    source('whole', 100);
    assert.equal(await bytesOf(await get('whole')), 100 * 64 * 1024);
    assert.equal(await bytesOf(await get('no source')), 'header\n'.length);
  });

  it('is read at the speed of its client', async () => {
    const made = source('slow', 2000);
    const answer = await get('slow');
    await sleep(500);
    // The sockets of both sides hold some megabytes.
    assert.ok(made.produced < 400, `${made.produced} pieces`);
    assert.equal(await bytesOf(answer), 2000 * 64 * 1024);
  });

  it('ends its connection when its body fails in the middle, and does not look complete', async () => {
    source('failing', 100, 50);
    await assert.rejects(bytesOf(await get('failing')), { code: 'ECONNRESET' });
  });

  it('is an error answer when its body fails at the beginning', async () => {
    source('failing at once', 100, 1);
    const answer = await get('failing at once');
    assert.equal(answer.statusCode, 503);
    answer.resume();
  });

  it('is not read further when its client is gone', async () => {
    const made = source('gone', 2000);
    const answer = await get('gone');
    answer.destroy();
    await until(async () => made.ended);
    assert.ok(made.produced < 2000);
  });

  it(`is refused while ${maxStreams} others are being sent, and possible again when one of them ends`, async () => {
    const others: IncomingMessage[] = [];
    for (let number = 0; number < maxStreams; number++) {
      source(`busy ${number}`, 2000);
      others.push(await get(`busy ${number}`));
    }
    const refusal = { code: 'throttled', status: 503, details: { retryAfter: 10 } };
    await assert.rejects(streamed('one more', emptyBody()), refusal);
    others[0]?.destroy();
    await until(async () => (await get('no source')).statusCode === 200);
    for (const other of others) other.destroy();
  });
});
