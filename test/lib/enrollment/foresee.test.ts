import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import { createWorld, type World } from '../../world.ts';

/* What a check foresees of a group is what `ensure` does then. */

async function bothOf(world: World, id: string) {
  const services = world.services();
  const group = (await services.groups.directory()).get(id);
  assert.ok(group);
  const calls = { ...world.enrollments.calls };
  const end = (work: Promise<{ value: { definition: { validityDays: number } } }>) =>
    work.then(
      ({ value }) => value.definition.validityDays,
      (error: unknown) => (error instanceof FleetError ? error.code : error),
    );
  const foreseen = await end(services.groups.foresee(group));
  assert.deepEqual(world.enrollments.calls, calls);
  return { foreseen, ensured: await end(services.groups.ensure(group)) };
}

const plain: GroupInput = { keyCustody: 'plain', validityDays: 100 };

describe('what a check foresees of a group', () => {
  it('is the group as declared, when DPS has it', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    assert.deepEqual(await bothOf(world, 'line7'), { foreseen: 100, ensured: 100 });
  });

  it('is that its CA is missing, where it comes from outside', async () => {
    using world = createWorld();
    await world.declare('line7', { ...plain, issuingCa: { origin: 'outside' } });
    assert.deepEqual(await bothOf(world, 'line7'), { foreseen: 'ca-missing', ensured: 'ca-missing' });
  });

  it('is that its CA is not registered, with and without a CA', async () => {
    using world = createWorld();
    await world.declare('line7', { ...plain, attestation: 'caReference' });
    assert.deepEqual(await bothOf(world, 'line7'), { foreseen: 'ca-unregistered', ensured: 'ca-unregistered' });
    const found = await world.groupStore.read('line7');
    assert.ok(found);
    await world.groupStore.replace({ ...found, value: { ...found.value, issuingCas: [] } });
    assert.deepEqual(await bothOf(world, 'line7'), { foreseen: 'ca-unregistered', ensured: 'ca-unregistered' });
  });

  it('is the group as DPS accepted it last, when DPS refused a change', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    const found = await world.groupStore.read('line7');
    assert.ok(found);
    const { definition, issuingCas } = found.value;
    const changed = {
      ...definition,
      validityDays: 50,
      reprovisionPolicy: { updateHubAssignment: false, migrateDeviceData: false },
    };
    const { enrollmentRevision } = await import('../../../lib/groups/group.ts');
    const reason = new FleetError('group-refused', 'DPS refuses it.').reason;
    const revision = enrollmentRevision({ definition: changed, issuingCas });
    const refusal = { revision, reason, at: '2026-11-23T08:00:00.000Z' };
    const value = { ...found.value, definition: changed, accepted: { definition, issuingCas }, refusal };
    await world.groupStore.replace({ ...found, value });
    assert.deepEqual(await bothOf(world, 'line7'), { foreseen: 100, ensured: 100 });
  });
});
