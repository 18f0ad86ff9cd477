import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { enrollmentRevision, type GroupRecord } from '../../../lib/groups/group.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

const before = { keyCustody: 'plain' } as const;
const after = { keyCustody: 'plain', provisioningStatus: 'disabled' } as const;

const recordOf = async (world: World): Promise<GroupRecord> =>
  (await world.groupStore.read('line7'))?.value ?? assert.fail();
const statusInDps = (world: World) => world.enrollments.groups.get('line7')?.definition.provisioningStatus;

async function reconcile(world: World): Promise<void> {
  await reconcileRegistrations({ ...world.services(), twins: { merge: async () => {} } });
}

describe('a declared group', () => {
  it('reaches DPS as declared, whichever call was interrupted', async () => {
    // A declaration makes fewer than 12 calls.
    for (let call = 1; call <= 12; call++) {
      using world = createWorld();
      world.interruptAfter(call);
      await world.declare('line7', before).catch((error: unknown) => assert.ok(error instanceof Interruption));
      // If nothing was stored, DPS must not have the group either.
      if ((await world.groupStore.read('line7')) === undefined) assert.equal(statusInDps(world), undefined);
      else {
        world.interruptAfter(Number.POSITIVE_INFINITY);
        await reconcile(world);
        assert.equal(statusInDps(world), 'enabled', `cut after call ${call}`);
        const group = await recordOf(world);
        assert.equal(group.enrolled?.revision, enrollmentRevision(group));
        assert.equal(group.issuingCas.length, 1);
      }
    }
  });

  it('is sent to DPS again when a worker with an older definition overwrote it there', async () => {
    using world = createWorld();
    await world.declare('line7', before);
    const older = world.enrollments.groups.get('line7') ?? assert.fail();
    const { ensureGroup } = world.enrollments;
    world.enrollments.ensureGroup = async (group) => {
      await ensureGroup(group);
      world.enrollments.ensureGroup = ensureGroup;
      // The other worker is the last to write to DPS, and the first to record that.
      await ensureGroup(older);
      const stored = (await world.groupStore.read('line7')) ?? assert.fail();
      const enrolled = { revision: stored.value.enrolled?.revision ?? '', at: '2026-11-24T00:00:01.000Z' };
      await world.groupStore.replace({ ...stored, value: { ...stored.value, enrolled } });
    };
    await world.declare('line7', after);
    await reconcile(world);
    assert.equal(statusInDps(world), 'disabled');
    const group = await recordOf(world);
    assert.equal(group.enrolled?.revision, enrollmentRevision(group));
  });
});
