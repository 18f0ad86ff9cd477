import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerDefinitions } from '../../../lib/azure/cosmos.ts';
import { createCosmosDeadLetterStore } from '../../../lib/azure/cosmos-dead-letters.ts';
import { someLetter, someReason } from '../../contract/dead-letter-store.ts';
import { startCosmos } from '../../infra/emulators/cosmos/start-cosmos.ts';

const request = containerDefinitions.find(({ id }) => id === 'dead-letters');

test('a reason is kept for seven days, and a letter forever', async (t) => {
  let now = Date.now();
  const { container: make } = await startCosmos(t, { now: () => now });
  const store = createCosmosDeadLetterStore(await make(request));
  await store.noteReason('a', 'chunks', someReason);
  await store.put(someLetter('a', 'chunks'));
  assert.deepEqual(await store.readReason('a', 'chunks'), someReason);
  assert.equal(await store.readReason('a', 'orders'), undefined);
  now += 7 * 24 * 60 * 60 * 1000 + 1000;
  assert.equal(await store.readReason('a', 'chunks'), undefined);
  assert.equal((await store.list({ size: 10 })).items.length, 1);
});

test('letters that were redriven or discarded are kept, and for as long as the retention says where it is set', async (t) => {
  let now = Date.now();
  const { container: make } = await startCosmos(t, { now: () => now });
  const container = await make(request);
  const act = { by: 'Ann', at: new Date(now).toISOString() };
  const put = async (store: ReturnType<typeof createCosmosDeadLetterStore>, name: string) => {
    for (const id of ['redriven', 'discarded', 'waiting']) await store.put(someLetter(`${name}-${id}`, 'chunks'));
    await store.noteRedriven({ ...someLetter(`${name}-redriven`, 'chunks'), times: 1 }, act);
    await store.noteDiscarded({ ...someLetter(`${name}-discarded`, 'chunks'), times: 1 }, act);
  };
  const kept = createCosmosDeadLetterStore(container);
  const limited = createCosmosDeadLetterStore(container, { retentionDays: 10 });
  await put(kept, 'kept');
  await put(limited, 'limited');
  const all = async () => {
    const states = ['waiting', 'redriven', 'discarded'] as const;
    const pages = await Promise.all(states.map((state) => kept.list({ size: 10, state })));
    return pages.flatMap(({ items }) => items.map(({ id }) => id)).sort();
  };
  assert.equal((await all()).length, 6);
  now += 10 * 24 * 60 * 60 * 1000 + 1000;
  const left = ['kept-discarded', 'kept-redriven', 'kept-waiting', 'limited-waiting'];
  assert.deepEqual(await all(), left);
  now += 1000 * 24 * 60 * 60 * 1000;
  assert.deepEqual(await all(), left);
});

test('a letter that was discarded with a time, and is redriven where none is set, is kept', async (t) => {
  let now = Date.now();
  const { container: make } = await startCosmos(t, { now: () => now });
  const container = await make(request);
  const letter = { ...someLetter('a', 'chunks'), times: 1 };
  const act = { by: 'Ann', at: new Date(now).toISOString() };
  const limited = createCosmosDeadLetterStore(container, { retentionDays: 10 });
  await limited.put(someLetter('a', 'chunks'));
  await limited.noteDiscarded(letter, act);
  const kept = createCosmosDeadLetterStore(container);
  await kept.noteRedriven(letter, act);
  now += 100 * 24 * 60 * 60 * 1000;
  assert.equal((await kept.list({ size: 10, state: 'redriven' })).items.length, 1);
});
