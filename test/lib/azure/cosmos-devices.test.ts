import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createCosmosDeviceStore } from '../../../lib/azure/cosmos-devices.ts';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { startCosmos } from '../../infra/emulators/cosmos/start-cosmos.ts';

const ids = Array.from({ length: 60 }, (_, index) => `device-${index}`);

test('single reads at the same time are few requests, and each gets its own record', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  for (const id of ids) await container.items.create({ id });
  let requests = 0;
  const { bulk } = container.items;
  container.items.bulk = ((...given: Parameters<typeof bulk>) => {
    requests += 1;
    return bulk.apply(container.items, given);
  }) as typeof bulk;
  const store = createCosmosDeviceStore(container, { sleep: async () => assert.fail('nothing to wait for') });
  const found = await Promise.all([...ids, 'missing'].map((id) => store.read([id])));
  assert.deepEqual(
    found.map((each) => [...each.keys()]),
    [...ids.map((id) => [id]), []],
  );
  assert.equal(requests, 1);
});

test('a single read that is throttled waits and is tried again, whatever the others get', async (t) => {
  const { container: make } = await startCosmos(t, { throughput: { ruPerSecond: 20, per: 'container' } });
  const container = await make();
  let waits = 0;
  const sleep = async (milliseconds: number) => {
    waits += 1;
    await pause(milliseconds);
  };
  const store = createCosmosDeviceStore(container, { sleep });
  const some = ids.slice(0, 8);
  await store.create(some.map((id) => ({ id }) as DeviceRecord));
  waits = 0;
  // 60 reads of one request unit, of which a second has 20.
  const found = await Promise.all(ids.map((id) => store.read([id])));
  assert.deepEqual(
    found.map((each) => [...each.keys()]),
    ids.map((id) => (some.includes(id) ? [id] : [])),
  );
  assert.ok(waits > 0, 'the budget was too large to wait for');
});
