import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blocked } from '../../../lib/devices/blocking.ts';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { heldWhileClaimed } from '../../../lib/devices/reissue.ts';
import { FleetError } from '../../../lib/errors.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import { certificatePage } from '../../../lib/pipeline/list-certificates.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';

const reissue = { onconflict: 'reissue' };
const hub = 'hub.azure-devices.net';

/** A world with one device, gw-1, that is assigned to a hub. DPS refuses group `refused`. */
async function someWorld(enrollment: 'group' | 'individual' = 'group'): Promise<World> {
  const world = createWorld();
  await world.declare('line7', { keyCustody: 'plain', enrollment });
  const { ensureGroup } = world.enrollments;
  world.enrollments.ensureGroup = async (group, mayWrite) => {
    if (group.definition.id === 'refused') throw new FleetError('group-refused', 'DPS refuses it: 400001 No.');
    return ensureGroup(group, mayWrite);
  };
  await assert.rejects(world.declare('refused', { keyCustody: 'plain' }), { code: 'group-refused' });
  await world.upload('first.csv', 'deviceId,enrollmentGroup,tags.slot\ngw-1,line7,a\n');
  await world.settle();
  const registration = { status: 'assigned', assignedHub: hub, at: '2027-01-01T00:00:00Z' } as const;
  world.enrollments.registrations.set('line7', [{ deviceId: 'gw-1', registration }]);
  await reconcileRegistrations(world.services());
  assert.equal(recordOf(world).status, 'assigned');
  return world;
}

function recordOf(world: World): DeviceRecord {
  return world.devices.records.get('gw-1') ?? assert.fail();
}

/** What the device works with. */
function workingPart(record: DeviceRecord) {
  const { status, statusSince, enrollmentGroup, serialNumber, identity, bundle, registration, twin, enrolled } = record;
  return { status, statusSince, enrollmentGroup, serialNumber, identity, bundle, registration, twin, enrolled };
}

const uploadReissue = (world: World, group: string) =>
  world.upload('again.csv', `deviceId,enrollmentGroup,tags.slot\ngw-1,${group},b\n`, reissue);

describe('a reissue that fails', () => {
  it('leaves the device as it was when DPS refuses the group', async () => {
    using world = await someWorld();
    const before = recordOf(world);
    const jobId = await uploadReissue(world, 'refused');
    await world.settle();
    const record = recordOf(world);
    assert.deepEqual(workingPart(record), workingPart(before));
    assert.equal(record.failedReissue?.code, 'group-refused');
    const { counts, status } = await world.job(jobId);
    assert.deepEqual([counts.failed, counts.provisioned, status], [1, 0, 'completedWithErrors']);
    assert.ok((await downloadBundle('gw-1', 'Ann', world.services())).body.length > 0);
    // Its only certificate is live, and the serial number that was reserved is a name of the device.
    assert.deepEqual(
      record.certificates?.map(({ state, serialNumber }) => [state, serialNumber]),
      [['live', before.serialNumber]],
    );
    const reserved = record.failedReissue?.serialNumber ?? assert.fail();
    assert.ok(record.formerCertificateNames?.includes(reserved));
    // And stays one when the device is issued again.
    await uploadReissue(world, 'line7');
    await world.settle();
    assert.ok(recordOf(world).formerCertificateNames?.includes(reserved));
  });

  it('leaves the serial number that was reserved as a name of the device, however often it is issued again', async () => {
    using world = await someWorld();
    const reserved: string[] = [];
    for (let times = 0; times < 3; times++) {
      await uploadReissue(world, 'refused');
      await world.settle();
      reserved.push(recordOf(world).failedReissue?.serialNumber ?? assert.fail());
    }
    for (const hex of reserved) {
      const certificate = { kind: 'serialNumber', hex: hex.toLowerCase() } as const;
      assert.equal((await world.devices.list({ certificate }, { size: 10 })).items[0]?.id, 'gw-1');
    }
  });

  it('keeps the group whose CA signed the certificate that DPS refused', async () => {
    using world = await someWorld('individual');
    await world.declare('line8', { keyCustody: 'plain', enrollment: 'individual' });
    world.enrollments.enroll = async (devices) => devices.map(() => ({ errorCode: 400_004, message: 'No.' }));
    await uploadReissue(world, 'line8');
    await world.settle();
    assert.equal(recordOf(world).enrollmentGroup, 'line7');
    const filter = { enrollmentGroup: 'line8', asOf: someTime.toISOString() };
    const { items } = await certificatePage(filter, { size: 10 }, world.devices);
    assert.deepEqual(
      items.map(({ deviceId, state }) => [deviceId, state]),
      [['gw-1', 'superseded']],
    );
  });

  it('leaves the device as it was when DPS refuses its individual enrollment', async () => {
    using world = await someWorld('individual');
    const before = recordOf(world);
    const refused = { errorCode: 400_004, message: 'No.' };
    const { enroll } = world.enrollments;
    world.enrollments.enroll = async (devices) => devices.map(() => refused);
    const jobId = await uploadReissue(world, 'line7');
    await world.settle();
    const record = recordOf(world);
    assert.deepEqual(workingPart(record), workingPart(before));
    // The new certificate was signed. It is named until it expires.
    assert.deepEqual(
      record.certificates?.map(({ state }) => state),
      ['superseded', 'live'],
    );
    assert.equal((await world.job(jobId)).counts.failed, 1);
    // A retry takes the row up.
    world.enrollments.enroll = enroll;
    await retryJob(await world.job(jobId), world.services());
    await world.settle();
    assert.deepEqual([recordOf(world).status, recordOf(world).failedReissue], ['provisioned', undefined]);
    assert.deepEqual(
      recordOf(world).certificates?.map(({ state }) => state),
      ['live', 'superseded', 'superseded'],
    );
    const { counts } = await world.job(jobId);
    assert.deepEqual([counts.failed, counts.provisioned], [0, 1]);
  });

  for (const [enrollment, group] of [
    ['group', 'refused'],
    ['group', 'line7'],
    ['individual', 'line7'],
  ] as const) {
    it(`ends the same whichever call was the last one (${enrollment}, ${group})`, async () => {
      let calls = 1;
      for (let call = 1; call <= calls; call++) {
        using world = await someWorld(enrollment);
        const before = recordOf(world);
        const jobId = await uploadReissue(world, group);
        world.interruptAfter(call);
        // At each moment the bundle in force can be fetched: the device never has none.
        for (let delivery = world.queue.shift(); delivery !== undefined; delivery = world.queue.shift()) {
          await delivery.run().catch(() => world.queue.unshift(delivery));
          const { before: held = recordOf(world) } = recordOf(world);
          assert.notEqual(held.bundle, undefined);
          assert.notEqual(held.identity, undefined);
        }
        calls = Math.max(calls, await world.settle());
        const record = recordOf(world);
        const { counts } = await world.job(jobId);
        assert.deepEqual([counts.total, counts.failed + counts.provisioned], [1, 1]);
        if (group === 'refused') {
          assert.deepEqual(workingPart(record), workingPart(before), `cut after call ${call}`);
          assert.equal(counts.failed, 1);
          continue;
        }
        assert.equal(counts.provisioned, 1);
        assert.deepEqual([record.status, record.before], ['provisioned', undefined], `cut after call ${call}`);
        assert.deepEqual(
          record.certificates?.map(({ state }) => state),
          ['live', 'superseded'],
        );
      }
      assert.ok(calls > 10, `the job makes ${calls} calls`);
    });
  }
});

it('a second row of the same job may take over a device whose reissue failed', async () => {
  using world = await someWorld();
  const text = 'deviceId,enrollmentGroup\ngw-1,refused\n';
  const jobId = await world.upload('again.csv', text, reissue);
  await world.settle();
  await retryJob(await world.job(jobId), world.services());
  await world.settle();
  assert.equal((await world.job(jobId)).counts.failed, 1);
  assert.equal(recordOf(world).claim.attempt, 2);
  assert.equal(recordOf(world).status, 'assigned');
});

it('names the superseded certificate however often the bundle is downloaded', async () => {
  using world = await someWorld();
  const { serialNumber } = recordOf(world);
  await uploadReissue(world, 'line7');
  await world.settle();
  for (let index = 0; index < 21; index++) await downloadBundle('gw-1', 'Ann', world.services());
  const superseded = recordOf(world).certificates?.find((each) => each.state === 'superseded');
  assert.equal(superseded?.serialNumber, serialNumber);
  assert.equal(superseded?.assignedHub, hub);
});

it('a device that is suspended while a row issues it again keeps what it had', async () => {
  using world = await someWorld();
  const before = recordOf(world);
  const claimed = someDevice({ before: heldWhileClaimed(before), certificates: before.certificates });
  const at = '2026-11-23T08:00:00.000Z';
  const closing = blocked(claimed, { kind: 'suspended', by: 'Ann', at, reason: 'Stolen.', mark: 'mark' });
  assert.deepEqual([closing.status, closing.block?.from], ['closing', 'assigned']);
  assert.deepEqual([closing.identity, closing.bundle], [before.identity, before.bundle]);
  assert.equal(closing.failedReissue?.code, 'device-suspended');
});
