import assert from 'node:assert/strict';
import { it } from 'node:test';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { createWorld, Interruption } from '../../world.ts';

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

it('a group that was deleted in DPS is written again when it is declared again', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  world.enrollments.groups.clear();
  world.enrollments.entries.groups.clear();
  await world.declare('line7', { keyCustody: 'plain' });
  assert.ok(world.enrollments.groups.has('line7'));
});
