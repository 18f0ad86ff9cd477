import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerDefinitions } from '../../../lib/azure/cosmos.ts';
import { createCosmosFindingStore } from '../../../lib/azure/cosmos-findings.ts';
import { someFinding } from '../../contract/finding-store.ts';
import { startCosmos } from '../../infra/emulators/cosmos/start-cosmos.ts';

const request = containerDefinitions.find(({ id }) => id === 'findings');

test('findings that are gone are kept, and for as long as the retention says where it is set', async (t) => {
  let now = Date.now();
  const { container: make } = await startCosmos(t, { now: () => now });
  const container = await make(request);
  const kept = createCosmosFindingStore(container);
  const limited = createCosmosFindingStore(container, { retentionDays: 90 });
  const finding = (id: string, state: 'gone' | 'open' | 'accepted' | 'repaired') =>
    someFinding('other-hub', { type: 'device', id, enrollmentGroup: 'line7' }, { state });
  await kept.create(finding('kept', 'gone'));
  await limited.create(finding('limited', 'gone'));
  for (const state of ['open', 'accepted', 'repaired'] as const) await limited.create(finding(state, state));
  const returning = finding('returning', 'gone');
  const etag = await limited.create(returning);
  // One that comes back is not gone, and has no time any more.
  await limited.replace({ value: { ...returning, state: 'open' }, etag: etag ?? '' });
  const subjects = async () => {
    const { items } = await kept.list({}, { size: 10 });
    return items.map(({ subject }) => subject.id).sort();
  };
  now += 90 * 24 * 60 * 60 * 1000 - 1000;
  assert.equal((await subjects()).length, 6);
  now += 2000;
  assert.deepEqual(await subjects(), ['accepted', 'kept', 'open', 'repaired', 'returning']);
});
