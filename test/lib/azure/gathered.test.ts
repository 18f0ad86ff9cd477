import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { gathered } from '../../../lib/azure/gathered.ts';

/** A store whose requests are answered one by one, with what it has by then. */
function createStore(most = 100) {
  const stored = new Map<string, string>();
  const sent: { readonly keys: readonly string[]; answer(): void; fail(error: Error): void }[] = [];
  const read = gathered<string, string>({
    most,
    read: (keys) =>
      new Promise((resolve, reject) => {
        sent.push({ keys, answer: () => resolve(new Map(stored)), fail: reject });
      }),
  });
  return { stored, sent, read, keys: () => sent.map(({ keys }) => keys) };
}

test('reads of one turn of the event loop are one request, and each gets its own value', async () => {
  const { stored, sent, read, keys } = createStore();
  stored.set('a', '1').set('b', '2');
  const reads = Promise.all([read('a'), read('b'), read('missing'), read('a')]);
  await turn();
  assert.deepEqual(keys(), [['a', 'b', 'missing']]);
  sent[0]?.answer();
  assert.deepEqual(await reads, ['1', '2', undefined, '1']);
});

test('a read does not join a request that was sent before it: it sees what was written by then', async () => {
  const { stored, sent, read, keys } = createStore();
  stored.set('a', 'old');
  const before = read('a');
  await turn();
  const after = read('a');
  await turn();
  assert.deepEqual(keys(), [['a'], ['a']]);
  sent[0]?.answer();
  assert.equal(await before, 'old');
  stored.set('a', 'new');
  sent[1]?.answer();
  assert.equal(await after, 'new');
});

test('what comes while four requests are on their way waits for one of them, and is one request', async () => {
  const { sent, read, keys } = createStore();
  const reads: Promise<string | undefined>[] = [];
  for (const key of 'abcdef') {
    reads.push(read(key));
    await turn();
  }
  assert.deepEqual(keys(), [['a'], ['b'], ['c'], ['d']]);
  sent[0]?.answer();
  await turn();
  await turn();
  assert.deepEqual(keys(), [['a'], ['b'], ['c'], ['d'], ['e', 'f']]);
  for (const { answer } of sent) answer();
  await Promise.all(reads);
});

test('a request has no more keys than it may', async () => {
  const { sent, read, keys } = createStore(2);
  const reads = Promise.all(['a', 'b', 'c'].map(read));
  await turn();
  await turn();
  assert.deepEqual(keys(), [['a', 'b'], ['c']]);
  for (const { answer } of sent) answer();
  await reads;
});

test('a request that fails fails its own reads only, and the next ones are sent', async () => {
  const { sent, read } = createStore();
  const failing = read('a');
  await turn();
  sent[0]?.fail(new Error('away'));
  await assert.rejects(failing, /away/);
  const next = read('a');
  await turn();
  sent[1]?.answer();
  assert.equal(await next, undefined);
});
