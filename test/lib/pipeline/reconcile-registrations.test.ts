import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { DeviceStore } from '../../../lib/devices/device.ts';
import { FleetError } from '../../../lib/errors.ts';
import { type ReconcilePorts, reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { someDevice } from '../../factories.ts';
import { createWorld, noTwins, type World } from '../../world.ts';

const idOf = (index: number) => `gw-${String(index).padStart(7, '0')}`;
const waitingDevice = (id: string) => someDevice({ id, enrollmentGroup: 'line7', status: 'provisioned' });

function services(world: World, own: Partial<ReconcilePorts>): ReconcilePorts {
  const twins = noTwins;
  return { ...world.services(), twins, ...own };
}

function register(world: World, deviceId: string): void {
  const registration = { status: 'assigned', assignedHub: 'hub.azure-devices.net' } as const;
  world.enrollments.registrations.set('line7', [{ deviceId, registration }]);
}

it('devices that never register keep none with an individual enrollment from being found', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain', enrollment: 'individual' });
  await world.devices.create(Array.from({ length: 1200 }, (_, index) => waitingDevice(idOf(index))));
  register(world, idOf(1199));
  const draws = [0.1, 0.7];
  for (const draw of draws) await reconcileRegistrations(services(world, { random: () => draw }));
  assert.equal(world.devices.records.get(idOf(1199))?.status, 'assigned');
});

it('a group with more than 100,000 waiting devices has each of them found', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  const ids = Array.from({ length: 100_001 }, (_, index) => idOf(index));
  const last = idOf(100_000);
  await world.devices.create([waitingDevice(last)]);
  register(world, last);
  const devices: DeviceStore = { ...world.devices, waitingIds: async (_group, limit) => ids.slice(0, limit) };
  assert.equal(await reconcileRegistrations(services(world, { devices })), 1);
  assert.equal(world.devices.records.get(last)?.status, 'assigned');
});

it('a group that DPS does not hold as declared is told again, though no device waits', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  const stored = (await world.groupStore.read('line7')) ?? assert.fail();
  await world.groupStore.replace({ ...stored, value: { ...stored.value, enrolled: undefined } });
  world.enrollments.groups.clear();
  await reconcileRegistrations(services(world, {}));
  assert.ok(world.enrollments.groups.has('line7'));
});

it('a group that waits for its CA does not stop its devices', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  await world.devices.create([waitingDevice(idOf(1))]);
  register(world, idOf(1));
  const stored = (await world.groupStore.read('line7')) ?? assert.fail();
  await world.groupStore.replace({ ...stored, value: { ...stored.value, enrolled: undefined } });
  const { groups } = world.services();
  const ensure = () => Promise.reject(new FleetError('ca-missing', 'The group has no issuing CA.'));
  assert.equal(await reconcileRegistrations(services(world, { groups: { ...groups, ensure } })), 1);
  assert.equal(world.devices.records.get(idOf(1))?.status, 'assigned');
});

it('twins are written two at a time', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  const ids = Array.from({ length: 20 }, (_, index) => idOf(index));
  const twin = { tags: { slot: 1 }, desired: {} };
  await world.devices.create(ids.map((id) => ({ ...waitingDevice(id), twin })));
  const registration = { status: 'assigned', assignedHub: 'hub.azure-devices.net' } as const;
  world.enrollments.registrations.set(
    'line7',
    ids.map((deviceId) => ({ deviceId, registration })),
  );
  let [open, most] = [0, 0];
  const merge = async () => {
    open += 1;
    most = Math.max(most, open);
    await new Promise((resolve) => setImmediate(resolve));
    open -= 1;
  };
  assert.equal(await reconcileRegistrations(services(world, { twins: { ...noTwins, merge } })), 20);
  assert.equal(most, 2);
});

it('a group whose registrations DPS does not give stops no other group', async () => {
  using world = createWorld();
  const ids = ['line6', 'line7', 'line8'];
  for (const id of ids) {
    await world.declare(id, { keyCustody: 'plain' });
    await world.devices.create([{ ...waitingDevice(`gw-${id}`), enrollmentGroup: id }]);
    const registration = { status: 'assigned', assignedHub: 'hub.azure-devices.net' } as const;
    world.enrollments.registrations.set(id, [{ deviceId: `gw-${id}`, registration }]);
  }
  const { enrollments } = world.services();
  async function* groupRegistrations(id: string) {
    if (id === 'line7') throw new FleetError('unavailable', 'DPS did not answer.');
    yield* enrollments.groupRegistrations(id);
  }
  const failing = { ...world.enrollments, groupRegistrations };
  assert.equal(await reconcileRegistrations(services(world, { enrollments: failing })), 2);
  assert.deepEqual(
    ids.map((id) => world.devices.records.get(`gw-${id}`)?.status),
    ['assigned', 'provisioned', 'assigned'],
  );
  // The next run finds it.
  assert.equal(await reconcileRegistrations(services(world, {})), 1);
});

it('an error that is not of a service ends the run', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  const fault = new TypeError('a fault of the program');
  const devices: DeviceStore = { ...world.devices, waitingIds: async () => Promise.reject(fault) };
  await assert.rejects(reconcileRegistrations(services(world, { devices })), fault);
});

it('a device whose twin cannot be written is not assigned until it is', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  const twin = { tags: { slot: 1 }, desired: {} };
  await world.devices.create([1, 2].map((index) => ({ ...waitingDevice(idOf(index)), twin })));
  const registration = { status: 'assigned', assignedHub: 'hub.azure-devices.net' } as const;
  world.enrollments.registrations.set(
    'line7',
    [1, 2].map((index) => ({ deviceId: idOf(index), registration })),
  );
  const merge = async (_hub: string, deviceId: string) => {
    if (deviceId === idOf(1)) throw new FleetError('throttled', 'The hub is busy.');
  };
  assert.equal(await reconcileRegistrations(services(world, { twins: { ...noTwins, merge } })), 1);
  const before = world.devices.records.get(idOf(1));
  assert.deepEqual([before?.status, before?.registration], ['provisioned', undefined]);
  assert.equal(world.devices.records.get(idOf(2))?.status, 'assigned');
  assert.equal(await reconcileRegistrations(services(world, {})), 1);
  const after = world.devices.records.get(idOf(1));
  assert.equal(after?.status, 'assigned');
  assert.ok(after?.registration?.twinDeliveredAt);
});
