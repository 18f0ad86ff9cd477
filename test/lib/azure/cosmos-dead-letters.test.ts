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
