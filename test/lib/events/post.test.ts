import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPost } from '../../../lib/events/post.ts';
import { startReceiver } from './receiver.ts';

const request = { headers: { 'content-type': 'application/json' }, body: '{}' };

describe('a post to an address of an operator', () => {
  const privateAddresses = [
    ...[
      '127.0.0.1',
      '10.1.2.3',
      '172.16.0.1',
      '192.168.1.1',
      '169.254.169.254',
      '168.63.129.16',
      '100.64.0.1',
      '0.0.0.0',
    ],
    ...['::1', '::', 'fe80::1', 'fd00::1', '::ffff:10.0.0.1', '64:ff9b::a00:1', '2002:a00:1::', 'ff02::1'],
  ];
  for (const address of privateAddresses) {
    it(`is refused when the name resolves to ${address}, alone or beside a public address`, async () => {
      const family = address.includes(':') ? 6 : 4;
      for (const more of [[], [{ address: '93.184.216.34', family: 4 }]]) {
        const post = createPost({ allowPrivate: false, resolve: async () => [...more, { address, family }] });
        await assert.rejects(
          post({ url: 'https://receiver.example.com/', ...request }),
          /resolves to a private address/,
        );
      }
    });
  }

  for (const url of ['https://10.0.0.1/', 'https://[::1]/', 'http://receiver.example.com/', 'https://localhost/']) {
    it(`is refused for ${url}, and no name is looked up`, async () => {
      const resolve = () => Promise.reject(new Error('looked up'));
      await assert.rejects(createPost({ allowPrivate: false, resolve })({ url, ...request }), /^Error: The URL /);
    });
  }

  it('goes to the address that was checked, whatever the name resolves to by then', async () => {
    await using receiver = await startReceiver();
    let looked = 0;
    const resolve = async () => {
      looked += 1;
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const post = createPost({ allowPrivate: true, resolve });
    // No resolver knows this name (RFC 6761), so only the pinned address can be reached.
    const answer = await post({ url: `http://fleet-receiver.localhost:${receiver.port}/`, ...request });
    assert.deepEqual([answer.status, looked, receiver.received.length], [204, 1, 1]);
    assert.equal(receiver.received[0]?.headers['host'], `fleet-receiver.localhost:${receiver.port}`);
  });

  it('does not follow a redirect', async () => {
    await using other = await startReceiver();
    await using receiver = await startReceiver([{ status: 307, headers: { location: other.url } }]);
    const answer = await createPost({ allowPrivate: true })({ url: receiver.url, ...request });
    assert.deepEqual([answer.status, other.received], [307, []]);
  });

  it('tells the seconds that a receiver asked to wait, and nothing else', async () => {
    const answers = ['900', '0', '-1', '1.5', 'Wed, 21 Oct 2026 07:28:00 GMT'].map((text) => {
      return { status: 503, headers: { 'retry-after': text } };
    });
    await using receiver = await startReceiver([...answers, 503]);
    const post = createPost({ allowPrivate: true });
    const seen: (number | undefined)[] = [];
    for (let count = 0; count < 6; count++) seen.push((await post({ url: receiver.url, ...request })).retryAfter);
    assert.deepEqual(seen, [900, undefined, undefined, undefined, undefined, undefined]);
  });

  it('sends the headers and the whole body, with its length', async () => {
    await using receiver = await startReceiver();
    await createPost({ allowPrivate: true })({ url: receiver.url, ...request, body: '{"name":"Zoë"}' });
    const [{ headers, body } = { headers: {} as Record<string, string>, body: '' }] = receiver.received;
    assert.equal(body, '{"name":"Zoë"}');
    assert.deepEqual([headers['content-length'], headers['content-type']], ['15', 'application/json']);
    assert.equal(headers['connection'], 'close');
  });

  it('is refused when its name has no address', async () => {
    const post = createPost({ allowPrivate: false, resolve: async () => [] });
    await assert.rejects(post({ url: 'https://receiver.example.com/', ...request }), /has no address/);
  });

  it('reads no more than some of the answer', async () => {
    await using receiver = await startReceiver([{ status: 200, body: 'x'.repeat(5_000_000) }]);
    const answer = await createPost({ allowPrivate: true })({ url: receiver.url, ...request });
    assert.equal(answer.status, 200);
  });

  it('ends in time when the name, the connection or the answer takes too long', async () => {
    const never = () => new Promise<never>(() => {});
    const slow = createPost({ allowPrivate: true, timeoutMs: 50, resolve: never });
    await assert.rejects(slow({ url: 'http://localhost:1/', ...request }), /did not answer within 0.05 s/);
    await assert.rejects(
      createPost({ allowPrivate: true })({ url: 'http://localhost:1/', ...request }),
      /ECONNREFUSED/,
    );
  });

  it('fails at once for a minute after its receiver did not answer in time, and other receivers are asked', async () => {
    await using receiver = await startReceiver();
    const silent = 'http://silent.localhost:1/';
    let at = 0;
    let looked = 0;
    const resolve = async (name: string) => {
      if (name !== 'silent.localhost') return [{ address: '127.0.0.1', family: 4 }];
      looked += 1;
      return new Promise<never>(() => {});
    };
    const post = createPost({ allowPrivate: true, timeoutMs: 50, resolve, now: () => new Date(at) });
    await assert.rejects(post({ url: silent, ...request }), /did not answer within/);
    at = 59_999;
    await assert.rejects(post({ url: silent, ...request }), /not asked for a minute/);
    assert.equal((await post({ url: receiver.url, ...request })).status, 204);
    assert.equal(looked, 1);
    at = 60_000;
    await assert.rejects(post({ url: silent, ...request }), /did not answer within/);
    assert.equal(looked, 2);
  });
});
