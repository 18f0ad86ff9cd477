import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GroupRecord } from '../../../lib/groups/group.ts';
import { jobErrors } from '../../../lib/jobs/reports.ts';
import { deleteDevice } from '../../../lib/pipeline/delete-device.ts';
import { deleteGroup } from '../../../lib/pipeline/delete-group.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

const plain = { keyCustody: 'plain' } as const;
const recordOf = async (world: World): Promise<GroupRecord> =>
  (await world.groupStore.read('line7'))?.value ?? assert.fail();
const live = async (world: World) => (await world.services().groups.directory()).get('line7')?.value;

async function submit(world: World): Promise<string> {
  const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
  await world.settle();
  return jobId;
}

describe('deleting an enrollment group without devices', () => {
  it('removes it here and in DPS, and keeps its CA as revoked', async () => {
    using world = createWorld();
    const { group } = await world.declare('line7', plain);
    const { dps, formerCas } = await deleteGroup('line7', 'Ann', world.services());
    assert.equal(dps, 'deleted');
    assert.equal(world.enrollments.entries.groups.get('line7'), undefined);
    assert.equal(await live(world), undefined);
    assert.equal(formerCas[0]?.certificatePem, group.issuingCas[0]?.certificatePem);
    const { deletedBy, formerCas: kept } = await recordOf(world);
    assert.equal(deletedBy?.by, 'Ann');
    assert.deepEqual(kept, formerCas);
    await assert.rejects(deleteGroup('line7', 'Ann', world.services()), { code: 'not-found' });
  });

  it('is done once, whichever call was interrupted', async () => {
    let cut = true;
    for (let call = 1; cut; call++) {
      using world = createWorld();
      await world.declare('line7', plain);
      world.interruptAfter(call);
      cut = await deleteGroup('line7', 'Ann', world.services()).then(
        () => false,
        (error: unknown) => error instanceof Interruption,
      );
      world.interruptAfter(Number.POSITIVE_INFINITY);
      const jobId = await submit(world);
      if ((await live(world)) !== undefined && (await live(world))?.deleting === undefined) {
        assert.equal((await world.job(jobId)).counts.provisioned, 1, `cut after call ${call}`);
        continue;
      }
      // From the mark on, no row is provisioned.
      assert.equal((await world.job(jobId)).counts.rejected, 1, `cut after call ${call}`);
      const [error] = await Array.fromAsync(jobErrors(jobId, world.services()));
      assert.doesNotMatch(error?.message ?? '', /Did you mean/);
      if (cut && (await live(world)) !== undefined) await deleteGroup('line7', 'Bob', world.services());
      assert.equal(await live(world), undefined);
      assert.equal(world.enrollments.entries.groups.get('line7'), undefined);
      assert.equal((await recordOf(world)).deletedBy?.by, 'Ann');
    }
  });

  it('frees its id: the group is declared again with another CA and another key', async () => {
    using world = createWorld();
    const { group: first } = await world.declare('line7', plain);
    await deleteGroup('line7', 'Ann', world.services());
    const { group, created } = await world.declare('line7', plain, 'Bob', { precondition: { ifNoneMatch: '*' } });
    const [before] = first.issuingCas;
    const [after] = group.issuingCas;
    assert.equal(created, true);
    assert.deepEqual([before?.generation, after?.generation], [1, 2]);
    assert.notEqual(before?.keyName, after?.keyName);
    assert.equal(group.formerCas?.[0]?.certificatePem, before?.certificatePem);
    const jobId = await submit(world);
    assert.equal((await world.job(jobId)).counts.provisioned, 1);
  });

  it('leaves a group of that name in DPS that this deployment did not create', async () => {
    using world = createWorld();
    const theirs = {
      etag: '"x"',
      createdAt: '2026-01-01T00:00:00Z',
      attestation: 'x509',
      thumbprints: ['00'],
      caReferences: [],
    };
    world.enrollments.entries.groups.set('line7', theirs);
    await assert.rejects(world.declare('line7', plain), { code: 'group-exists' });
    assert.equal((await deleteGroup('line7', 'Ann', world.services())).dps, 'other');
    assert.deepEqual(world.enrollments.entries.groups.get('line7'), theirs);
  });

  it('takes rows that failed before they had a certificate, and devices that were deleted', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    await submit(world);
    await assert.rejects(deleteGroup('line7', 'Ann', world.services()), /has devices: gw-1\. Delete them first/);
    await deleteDevice('gw-1', 'Ann', world.services());
    await deleteGroup('line7', 'Ann', world.services());
    assert.equal(await live(world), undefined);
  });

  it('takes the version that its caller read', async () => {
    using world = createWorld();
    const { etag } = await world.declare('line7', plain);
    await world.declare('line7', { ...plain, description: 'changed' });
    const late = deleteGroup('line7', 'Ann', world.services(), { ifMatch: [etag] });
    await assert.rejects(late, { code: 'precondition-failed' });
    assert.equal((await live(world))?.deleting, undefined);
  });
});

describe('a group is not deleted', () => {
  it('when DPS has registrations of it', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    world.enrollments.registrations.set('line7', [{ deviceId: 'press-9', registration: { status: 'assigned' } }]);
    await assert.rejects(deleteGroup('line7', 'Ann', world.services()), /registrations.*press-9/);
  });

  it('when a chunk claims a device meanwhile; the group is then used as before', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    const ports = world.services();
    // A worker that read the group before the mark claims its device while this waits.
    const sleep = async () => {
      const [stale] = [await world.groupStore.read('line7')];
      const { deleting: _deleting, ...unmarked } = stale?.value ?? assert.fail();
      await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
      const services = { ...world.services() };
      const directory = async () => new Map([['line7', { value: unmarked, etag: stale?.etag ?? '' }]]);
      const { provisionChunk } = await import('../../../lib/pipeline/provision-chunk.ts');
      await world.queue.shift()?.run();
      const [chunk] = world.queue.splice(0);
      const stalePorts = { ...services, groups: { ...services.groups, directory } };
      // It finds the mark once its record is written, and takes the certificate back.
      await assert.rejects(provisionChunk(chunk?.message as never, stalePorts), { code: 'concurrent-change' });
      if (chunk !== undefined) world.queue.push(chunk);
    };
    const waiting = { ...ports, retry: { ...ports.retry, sleep } };
    await assert.rejects(deleteGroup('line7', 'Ann', waiting), { code: 'method-conflict' });
    assert.equal((await live(world))?.deleting, undefined);
    // The row is counted as failed, and a retry provisions it.
    await world.settle();
    const [failed = assert.fail()] = (await world.jobs.list({ size: 1 })).items;
    assert.deepEqual([failed.counts.failed, world.devices.records.get('gw-1')?.failure?.code], [1, 'ca-removed']);
    await retryJob(failed, world.services());
    await world.settle();
    assert.equal(world.devices.records.get('gw-1')?.status, 'provisioned');
    assert.equal((await world.job(failed.jobId)).counts.provisioned, 1);
  });

  it('by a change or a rollover that comes while it is deleted', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    await world.services().groups.markDeleting('line7', 'Ann');
    await assert.rejects(world.declare('line7', plain), { code: 'method-conflict' });
    await assert.rejects(world.services().groups.rollOver('line7'), { code: 'method-conflict' });
  });
});
