import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cosmosContainers } from '../../../lib/azure/cosmos-containers.ts';
import { createCosmosDeadLetterStore } from '../../../lib/azure/cosmos-dead-letters.ts';
import { startCosmos } from '../../infra/local/cosmos/start-cosmos.ts';

const reason = { code: 'unavailable' as const, message: 'It was away.', hint: 'Wait.' };
const letter = (id: string, queue = 'chunks') => ({
  id,
  queue,
  body: `{"of":"${id}"}`,
  reason,
  at: '2026-11-24T00:00:00.000Z',
});
const request = cosmosContainers.find(({ id }) => id === 'dead-letters');

test('a letter is kept once, however often it comes, and counts how often that was', async (t) => {
  const { container: make } = await startCosmos(t);
  const store = createCosmosDeadLetterStore(await make(request));
  await store.put(letter('a'));
  await store.put(letter('a'));
  await store.put(letter('a', 'orders'));
  const { items } = await store.list({ size: 10, queue: 'chunks' });
  assert.deepEqual(items, [{ ...letter('a'), times: 2 }]);
  await store.remove({ ...letter('a'), times: 2 });
  await store.remove({ ...letter('a'), times: 2 });
  assert.deepEqual((await store.list({ size: 10 })).items, [{ ...letter('a', 'orders'), times: 1 }]);
});

test('a letter that comes many times at once is counted each time', async (t) => {
  const { container: make } = await startCosmos(t);
  const store = createCosmosDeadLetterStore(await make(request));
  await Promise.all(Array.from({ length: 8 }, () => store.put(letter('a'))));
  assert.equal((await store.list({ size: 1 })).items[0]?.times, 8);
});

test('a letter that came again since it was read is not taken off the list', async (t) => {
  const { container: make } = await startCosmos(t);
  const store = createCosmosDeadLetterStore(await make(request));
  await store.put(letter('a'));
  const [read] = (await store.list({ size: 1 })).items;
  await store.put(letter('a'));
  await store.remove(read ?? assert.fail());
  assert.equal((await store.list({ size: 1 })).items[0]?.times, 2);
});

test('letters are listed in pages that meet each once, without the reasons that lie beside them', async (t) => {
  const { container: make } = await startCosmos(t);
  const store = createCosmosDeadLetterStore(await make(request));
  const ids = Array.from({ length: 7 }, (_, index) => `l${index}`);
  for (const id of ids) await store.put(letter(id));
  await store.noteReason('l0', 'chunks', reason);
  const seen: string[] = [];
  let continuation: string | undefined;
  do {
    const page = await store.list({ size: 3, continuation });
    seen.push(...page.items.map(({ id }) => id));
    continuation = page.continuation;
  } while (continuation !== undefined);
  assert.deepEqual(seen, ids);
});

test('a reason is kept for seven days, and a letter for ever', async (t) => {
  let now = Date.now();
  const { container: make } = await startCosmos(t, { now: () => now });
  const store = createCosmosDeadLetterStore(await make(request));
  await store.noteReason('a', 'chunks', reason);
  await store.put(letter('a'));
  assert.deepEqual(await store.readReason('a', 'chunks'), reason);
  assert.equal(await store.readReason('a', 'orders'), undefined);
  now += 7 * 24 * 60 * 60 * 1000 + 1000;
  assert.equal(await store.readReason('a', 'chunks'), undefined);
  assert.equal((await store.list({ size: 10 })).items.length, 1);
});
