import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import type { Container } from '@azure/cosmos';
import { createCosmosDeviceStore } from '../../../lib/azure/cosmos-devices.ts';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { assertEvery } from '../../assert-every.ts';
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

test('requests that get no answer do not keep other devices from being read', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  await container.items.create({ id: 'device-1' });
  const { bulk } = container.items;
  let requests = 0;
  container.items.bulk = ((...given: Parameters<typeof bulk>) => {
    requests += 1;
    return requests <= 4 ? new Promise(() => {}) : bulk.apply(container.items, given);
  }) as typeof bulk;
  const store = createCosmosDeviceStore(container, { sleep: async () => {} });
  for (let each = 0; each < 4; each++) {
    void store.read([`hangs-${each}`]);
    await turn();
    await turn();
  }
  assert.equal(requests, 4);
  assert.equal((await store.read(['device-1'])).size, 1);
});

test('a single read whose request failed is read by itself', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  for (const id of ids) await container.items.create({ id });
  const { bulk } = container.items;
  container.items.bulk = ((...given: Parameters<typeof bulk>) =>
    given[0].length > 1 ? Promise.reject(new Error('aborted')) : bulk.apply(container.items, given)) as typeof bulk;
  const store = createCosmosDeviceStore(container, { sleep: async () => {} });
  const found = await Promise.all(ids.map((id) => store.read([id])));
  assertEvery(found, (each, index) => each.has(ids[index] ?? ''));
});

test('a request that never ends is given up', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const items = { bulk: () => new Promise(() => {}) };
  const store = createCosmosDeviceStore({ items } as unknown as Container, { sleep: async () => {} });
  const refused = assert.rejects(store.read(['device-1', 'device-2']), { code: 'unavailable', message: /in time/ });
  await turn();
  t.mock.timers.tick(130_000);
  await refused;
});
