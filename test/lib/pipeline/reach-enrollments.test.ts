import assert from 'node:assert/strict';
import { it } from 'node:test';
import { blockDevice, restoreDevice } from '../../../lib/pipeline/block-device.ts';
import { continueFleetAct } from '../../../lib/pipeline/fleet-acts.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { restoreGroup, suspendGroup } from '../../../lib/pipeline/suspend-group.ts';
import { assertEvery } from '../../assert-every.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

const individual = { keyCustody: 'plain', enrollment: 'individual' } as const;
const list = 'deviceId,enrollmentGroup\ngw-1,line7\ngw-2,line7\ngw-3,line7\n';

it('the provisioning status of a group reaches its individual enrollments, whichever call was the last one', async () => {
  let [cut, call] = [true, 0];
  while (cut) {
    call += 1;
    using world = createWorld();
    await world.declare('line7', individual);
    await world.upload('list.csv', list);
    await world.settle();
    const theirs = { ...(world.enrollments.entries.individuals.get('gw-3') ?? assert.fail()), thumbprints: ['AB'] };
    world.enrollments.entries.individuals.set('gw-3', theirs);
    const isDisabled = (id: string) => world.enrollments.entries.individuals.get(id)?.disabled ?? false;

    await world.declare('line7', { ...individual, provisioningStatus: 'disabled' });
    world.interruptAfter(call);
    cut = await reconcileRegistrations(world.services()).then(
      () => false,
      (error: unknown) => error instanceof Interruption,
    );
    world.interruptAfter(Number.POSITIVE_INFINITY);
    await reconcileRegistrations(world.services());
    assert.deepEqual(['gw-1', 'gw-2'].map(isDisabled), [true, true], `cut after call ${call}`);
    // Someone else's enrollment is left.
    assert.equal(world.enrollments.entries.individuals.get('gw-3'), theirs);
    assert.equal(world.devices.records.get('gw-1')?.enrolled?.provisioningStatus, 'disabled');

    await world.declare('line7', individual);
    await reconcileRegistrations(world.services());
    assert.deepEqual(['gw-1', 'gw-2'].map(isDisabled), [false, false]);
  }
  assert.ok(call > 8, `${call} calls`);
});

const disabled = { ...individual, provisioningStatus: 'disabled' } as const;
const isDisabled = (world: World, id: string) => world.enrollments.entries.individuals.get(id)?.disabled ?? false;
const allDisabled = (world: World) => ['gw-1', 'gw-2', 'gw-3'].map((id) => isDisabled(world, id));

it('a status that is declared and taken back reaches the enrollments that were made or written in between', async () => {
  using world = createWorld();
  await world.declare('line7', individual);
  await world.upload('list.csv', 'deviceId,enrollmentGroup\ngw-1,line7\ngw-2,line7\n');
  await world.settle();
  await world.declare('line7', disabled);
  await world.upload('new.csv', 'deviceId,enrollmentGroup\ngw-3,line7\n');
  await world.settle();
  assert.deepEqual(allDisabled(world), [false, false, true]);
  await world.declare('line7', individual);
  await reconcileRegistrations(world.services());
  assert.deepEqual(allDisabled(world), [false, false, false]);
});

it('a device that is suspended while the status changes gets it when it is restored, and each later one', async () => {
  using world = createWorld();
  await world.declare('line7', individual);
  await world.upload('list.csv', list);
  await world.settle();
  const why = { by: 'Ann', reason: 'lost' };
  await blockDevice('gw-1', 'suspended', why, world.services());
  await world.declare('line7', disabled);
  await reconcileRegistrations(world.services());
  await restoreDevice('gw-1', why, world.services());
  assert.deepEqual(allDisabled(world), [true, true, true]);
  await world.declare('line7', individual);
  await reconcileRegistrations(world.services());
  assert.deepEqual(allDisabled(world), [false, false, false]);
});

it('a suspended group keeps out a device that is enrolled then, and lets it in when it is restored', async () => {
  using world = createWorld();
  await world.declare('line7', individual);
  await world.upload('list.csv', 'deviceId,enrollmentGroup\ngw-1,line7\ngw-2,line7\n');
  await world.settle();
  const why = { by: 'Ann', reason: 'a wave of thefts' };
  await suspendGroup('line7', 'a'.repeat(24), why, world.services());
  await deliverActs(world);
  await world.upload('new.csv', 'deviceId,enrollmentGroup\ngw-3,line7\n');
  await world.settle();
  assert.deepEqual(allDisabled(world), [true, true, true]);
  assert.equal(world.devices.records.get('gw-3')?.status, 'provisioned');
  await restoreGroup('line7', why, world.services());
  await deliverActs(world);
  await reconcileRegistrations(world.services());
  assert.deepEqual(allDisabled(world), [false, false, false]);
});

it('devices that are between two states are reached by the next run', async () => {
  using world = createWorld();
  await world.declare('line7', individual);
  await world.upload('list.csv', list);
  await world.settle();
  const { value, etag } = (await world.devices.read(['gw-1'])).get('gw-1') ?? assert.fail();
  await world.devices.replace([{ value: { ...value, status: 'opening' }, etag }]);
  await world.declare('line7', disabled);
  await reconcileRegistrations(world.services());
  assert.deepEqual(allDisabled(world), [false, true, true]);
  const later = (await world.devices.read(['gw-1'])).get('gw-1') ?? assert.fail();
  await world.devices.replace([{ value, etag: later.etag }]);
  await reconcileRegistrations(world.services());
  assert.deepEqual(allDisabled(world), [true, true, true]);
});

it('enrollments that are missing, or not ours, do not hold up the others', { timeout: 60_000 }, async () => {
  using world = createWorld({ chunkRows: 300 });
  await world.declare('line7', individual);
  const ids = Array.from({ length: 520 }, (_, index) => `gw-${String(index).padStart(3, '0')}`);
  await world.upload('line7/list.csv', `deviceId\n${ids.join('\n')}\n`);
  await world.settle();
  for (const id of ids.slice(0, 510)) world.enrollments.entries.individuals.delete(id);
  await world.declare('line7', disabled);
  await reconcileRegistrations(world.services());
  await reconcileRegistrations(world.services());
  assertEvery(ids.slice(510), (id) => isDisabled(world, id));
  assert.ok(world.devices.records.get('gw-000')?.enrolled?.missingSince);
  const { open } = world.enrollments;
  const asked: string[] = [];
  world.enrollments.open = (id, ...rest) => {
    asked.push(id);
    return open(id, ...rest);
  };
  await reconcileRegistrations(world.services());
  assert.deepEqual(asked, [], 'it asks again and again');
});

/** Delivers the messages of acts, without their delay. */
async function deliverActs(world: World): Promise<void> {
  for (let rounds = 0; rounds < 20 && world.blockMessages.length > 0; rounds++) {
    for (const message of world.blockMessages.splice(0))
      if ('actId' in message) await continueFleetAct(message.actId, world.services());
  }
}

it('a group that was deleted in DPS is written again when it is declared again', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  world.enrollments.groups.clear();
  world.enrollments.entries.groups.clear();
  await world.declare('line7', { keyCustody: 'plain' });
  assert.ok(world.enrollments.groups.has('line7'));
});
