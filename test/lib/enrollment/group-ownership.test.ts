import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FoundEntry } from '../../../lib/enrollment/enrollments.ts';
import { isOwnGroup } from '../../../lib/enrollment/group-ownership.ts';
import { FleetError } from '../../../lib/errors.ts';
import type { GroupRecord } from '../../../lib/groups/group.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

const plain = { keyCustody: 'plain' } as const;
const disabled = { keyCustody: 'plain', provisioningStatus: 'disabled' } as const;

const theirs: FoundEntry = {
  etag: '"by hand"',
  createdAt: '2026-01-02T03:04:05.678Z',
  attestation: 'x509',
  thumbprints: ['AB'.repeat(32)],
  caReferences: [],
};

const recordOf = async (world: World): Promise<GroupRecord> =>
  (await world.groupStore.read('line7'))?.value ?? assert.fail();
const inDps = (world: World) => world.enrollments.entries.groups.get('line7');

describe('an enrollment group in DPS that was made elsewhere', () => {
  it('is not overwritten: the declaration is refused with what is there, and the group has the reason', async () => {
    using world = createWorld();
    world.enrollments.entries.groups.set('line7', theirs);
    await assert.rejects(world.declare('line7', plain), (error) => {
      assert.ok(error instanceof FleetError && error.code === 'group-exists');
      for (const part of ['"line7"', 'x509', 'ABAB', '2026-01-02T03:04:05.678Z', '"by hand"'])
        assert.ok(error.message.includes(part), error.message);
      return true;
    });
    assert.deepEqual(inDps(world), theirs);
    assert.equal((await recordOf(world)).refusal?.reason.code, 'group-exists');
  });

  it('fails its rows, until a declaration adopts it and the job is retried', async () => {
    using world = createWorld();
    world.enrollments.entries.groups.set('line7', theirs);
    await assert.rejects(world.declare('line7', plain), { code: 'group-exists' });
    const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
    await world.settle();
    assert.equal(world.devices.records.get('gw-1')?.failure?.code, 'group-exists');
    assert.deepEqual(inDps(world), theirs);

    await world.declare('line7', plain, 'Ann', { adopt: true });
    assert.notDeepEqual(inDps(world)?.thumbprints, theirs.thumbprints);
    const { adoptedBy, adopt, refusal } = await recordOf(world);
    assert.deepEqual([adoptedBy?.by, adopt, refusal], ['Ann', undefined, undefined]);
    await retryJob(await world.job(jobId), world.services());
    await world.settle();
    assert.equal((await world.job(jobId)).counts.provisioned, 1);
    // From now on it is ours.
    await world.declare('line7', disabled);
    assert.equal(world.enrollments.groups.get('line7')?.definition.provisioningStatus, 'disabled');
  });

  it('is not adopted by a permission of an earlier declaration', async () => {
    using world = createWorld();
    await world.declare('line7', { ...plain, enrollment: 'individual' }, 'Ann', { adopt: true });
    world.enrollments.entries.groups.set('line7', theirs);
    await assert.rejects(world.declare('line7', plain), { code: 'group-exists' });
  });

  it('is refused also in the place of one of ours that was deleted by hand', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    world.enrollments.entries.groups.set('line7', { ...theirs, thumbprints: inDps(world)?.thumbprints ?? [] });
    await assert.rejects(world.declare('line7', disabled), { code: 'group-exists' });
  });
});

describe('an enrollment group of this deployment', () => {
  it('is known as ours, whichever call of its declaration was interrupted', async () => {
    for (let call = 1; call <= 20; call++) {
      using world = createWorld();
      world.interruptAfter(call);
      await world.declare('line7', plain).catch((error: unknown) => assert.ok(error instanceof Interruption));
      world.interruptAfter(Number.POSITIVE_INFINITY);
      await world.declare('line7', disabled);
      assert.equal(world.enrollments.groups.get('line7')?.definition.provisioningStatus, 'disabled', `call ${call}`);
      assert.deepEqual((await recordOf(world)).inDps, { createdAt: inDps(world)?.createdAt });
    }
  });

  it('leaves no intent by which the group of someone else looks like ours', async () => {
    for (let call = 1; call <= 20; call++) {
      using world = createWorld();
      world.interruptAfter(call);
      await world.declare('line7', plain).catch((error: unknown) => assert.ok(error instanceof Interruption));
      world.interruptAfter(Number.POSITIVE_INFINITY);
      world.enrollments.entries.groups.set('line7', theirs);
      await assert.rejects(world.declare('line7', disabled), { code: 'group-exists' }, `call ${call}`);
      assert.deepEqual(inDps(world), theirs);
    }
  });

  it('is made again when someone deleted it in DPS', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    world.enrollments.entries.groups.delete('line7');
    await world.declare('line7', disabled);
    assert.equal(world.enrollments.groups.get('line7')?.definition.provisioningStatus, 'disabled');
  });
});

describe('whether a group in DPS is ours', () => {
  it('follows from what an earlier version noted', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    const { inDps: _inDps, enrolled, ...earlier } = await recordOf(world);
    const found = inDps(world) ?? assert.fail();
    const other = { ...found, thumbprints: ['00'.repeat(32)] };
    assert.equal(isOwnGroup({ ...earlier, enrolled } as GroupRecord, other), true);
    // Not noted: only a CA that was made here for the group is evidence. One from outside may be in a group made by hand.
    assert.equal(isOwnGroup(earlier, found), true);
    assert.equal(isOwnGroup(earlier, other), false);
    const issuingCa = { ...earlier.definition.issuingCa, origin: 'outside' as const };
    assert.equal(isOwnGroup({ ...earlier, definition: { ...earlier.definition, issuingCa } }, found), false);
  });
});

describe('the ETag of a group', () => {
  it('lets a declaration change only the version that its caller read', async () => {
    using world = createWorld();
    const first = await world.declare('line7', plain, 'Ann', { precondition: { ifNoneMatch: '*' } });
    const again = world.declare('line7', disabled, 'Ann', { precondition: { ifNoneMatch: '*' } });
    await assert.rejects(again, { code: 'precondition-failed' });
    assert.equal(first.etag, (await world.groupStore.read('line7'))?.etag);
    const second = await world.declare('line7', disabled, 'Ann', { precondition: { ifMatch: [first.etag] } });
    assert.notEqual(second.etag, first.etag);
    const late = world.declare('line7', plain, 'Bob', { precondition: { ifMatch: [first.etag] } });
    await assert.rejects(late, { code: 'precondition-failed' });
    assert.equal((await recordOf(world)).definition.provisioningStatus, 'disabled');
    await world.declare('line7', plain, 'Bob', { precondition: { ifMatch: '*' } });
    const absent = world.declare('line8', plain, 'Bob', { precondition: { ifMatch: '*' } });
    await assert.rejects(absent, { code: 'precondition-failed' });
    assert.equal(await world.groupStore.read('line8'), undefined);
  });

  it('lets one of two declarations of the same version through', async () => {
    using world = createWorld();
    const { etag } = await world.declare('line7', plain);
    const both = [plain, disabled].map((input) =>
      world.declare('line7', { ...input, description: 'changed' }, 'Ann', { precondition: { ifMatch: [etag] } }),
    );
    const results = await Promise.allSettled(both);
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  });
});
