import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceRecord, Registration } from '../../../lib/devices/device.ts';
import type { Twin } from '../../../lib/devices/twin.ts';
import { FleetError } from '../../../lib/errors.ts';
import { applyRegistrations } from '../../../lib/pipeline/apply-registrations.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { createWorld, noTwins, type World } from '../../world.ts';

const [hubA, hubB] = ['a.azure-devices.net', 'b.azure-devices.net'];
const start = Date.parse('2026-11-23T08:00:00.000Z');
const identity = { deviceId: 'gw-1', status: 'enabled', authentication: 'selfSigned', etag: '' } as const;

/** A world whose clock a test moves, with one device, gw-1, and what was written to twins. */
async function someWorld(enrollment: 'group' | 'individual' = 'group') {
  let minutes = 0;
  const timeAt = (minute: number) => new Date(start + minute * 60_000).toISOString();
  const world = createWorld({ now: () => new Date(timeAt(minutes)) });
  await world.declare('line7', { keyCustody: 'plain', enrollment, initialTwin: { tags: { site: 'home' } } });
  await submit(world, 'reject');
  const merged: string[] = [];
  const patches: Twin[] = [];
  let thumbprints: string[] | FleetError = [];
  /** The certificates that the hubs know the device by from now on, or their answer. */
  const hubsHave = (answer: typeof thumbprints) => {
    thumbprints = answer;
  };
  const twins = {
    ...noTwins,
    merge: async (hub: string, _id: string, patch: Twin) => {
      merged.push(hub);
      patches.push(patch);
    },
  };

  /** DPS has this registration at that minute, and all devices are looked at. */
  async function seen(minute: number, registration: Partial<Registration> = {}): Promise<DeviceRecord> {
    minutes = minute;
    const at = timeAt(minute);
    const found = [
      { deviceId: 'gw-1', registration: { status: 'assigned' as const, assignedHub: hubA, at, ...registration } },
    ];
    const group = (await world.groupStore.read('line7'))?.value ?? assert.fail();
    const observe = async (hub: string) => {
      if (thumbprints instanceof FleetError) throw thumbprints;
      return { ...identity, hub, thumbprints };
    };
    const services = world.services();
    const ports = { ...services, twins, identities: { ...services.identities, observe } };
    await applyRegistrations(found, await ports.devices.read(['gw-1']), group, ports);
    return recordOf(world);
  }
  const reissue = async (minute: number) => {
    minutes = minute;
    await submit(world, 'reissue');
  };
  /** Another row replaces that of the device. */
  const replace = async (minute: number, header: string, values: string) => {
    minutes = minute;
    const metadata = { onconflict: 'replace' };
    await world.upload(`replace-${minute}.csv`, `deviceId,enrollmentGroup${header}\ngw-1,line7${values}\n`, metadata);
    await world.settle();
  };
  return { world, merged, patches, seen, reissue, replace, timeAt, hubsHave };
}

async function submit(world: World, onconflict: string): Promise<void> {
  await world.upload(`${onconflict}.csv`, 'deviceId,enrollmentGroup,tags.slot\ngw-1,line7,a\n', { onconflict });
  await world.settle();
}

const stored = async (world: World) => (await world.devices.read(['gw-1'])).get('gw-1') ?? assert.fail();
const recordOf = (world: World) => world.devices.records.get('gw-1') ?? assert.fail();

describe('what DPS says of a device', () => {
  it('is recorded with when it was seen, and for which certificate', async () => {
    const { world, seen, timeAt } = await someWorld();
    using _world = world;
    const { registration, identity, certificates, status } = await seen(5);
    assert.equal(status, 'assigned');
    assert.equal(registration?.seenAt, timeAt(5));
    assert.equal(registration?.sha256Thumbprint, identity?.sha256Thumbprint);
    assert.deepEqual([certificates?.[0]?.confirmedAt, certificates?.[0]?.assignedHub], [timeAt(5), hubA]);
  });

  it('moves a device to the hub that DPS moved it to, and delivers its twin there', async () => {
    const { world, merged, seen, timeAt } = await someWorld();
    using _world = world;
    await seen(5);
    const record = await seen(10, { assignedHub: hubB });
    assert.deepEqual([record.status, record.registration?.assignedHub], ['assigned', hubB]);
    assert.equal(record.registration?.twinDeliveredAt, timeAt(10));
    assert.deepEqual(merged, [hubA, hubB]);
    // The same answer again is no news.
    const version = (await stored(world)).etag;
    await seen(15, { assignedHub: hubB, at: timeAt(10) });
    assert.equal((await stored(world)).etag, version);
  });

  it('delivers the twin again when DPS has reset it, and not when DPS has kept it', async () => {
    const { world, merged, seen } = await someWorld();
    using _world = world;
    await seen(5, { substatus: 'initialAssignment' });
    await seen(10, { substatus: 'deviceDataMigrated' });
    assert.deepEqual(merged, [hubA]);
    const record = await seen(15, { substatus: 'deviceDataReset' });
    assert.deepEqual(merged, [hubA, hubA]);
    assert.equal(record.registration?.substatus, 'deviceDataReset');
  });

  it('lets a device wait again whose registration fails after it was assigned', async () => {
    const { world, seen } = await someWorld();
    using _world = world;
    await seen(5);
    // DPS works on another registration: the device stays at its hub.
    assert.equal((await seen(8, { status: 'assigning' })).status, 'assigned');
    const failed = await seen(10, { status: 'failed', assignedHub: undefined, errorCode: 400_209 });
    assert.deepEqual([failed.status, failed.registration?.errorCode], ['provisioned', 400_209]);
    const events = failed.history.length;
    const again = await seen(11, { status: 'failed', assignedHub: undefined, errorCode: 400_209 });
    assert.equal(again.history.length, events);
    assert.equal((await seen(12)).status, 'assigned');
  });

  it('does not count for the present certificate when the device still uses its former one', async () => {
    const { world, merged, seen, reissue, timeAt, hubsHave } = await someWorld();
    using _world = world;
    await seen(5);
    const old = recordOf(world).identity ?? assert.fail();
    await reissue(10);
    hubsHave(new FleetError('throttled', 'Busy.'));
    assert.equal((await seen(12)).registration, undefined);
    hubsHave([old.sha1Thumbprint]);
    const waiting = await seen(12);
    assert.deepEqual(
      [waiting.status, waiting.registration?.sha256Thumbprint, waiting.certificates?.map((each) => each.confirmedAt)],
      ['provisioned', old.sha256Thumbprint, [undefined, timeAt(5)]],
    );
    assert.match(waiting.history.at(-1)?.detail ?? '', /with former certificate/);
    // Its twin is the one of the present row: the tags are about the device.
    assert.deepEqual(merged, [hubA, hubA, hubA]);
    // The same answer again is no news, and the hub is not asked again.
    const version = (await stored(world)).etag;
    hubsHave(new FleetError('throttled', 'Busy.'));
    await seen(13, { at: timeAt(12) });
    assert.equal((await stored(world)).etag, version);
    // Then the present bundle is installed.
    const present = waiting.identity ?? assert.fail();
    hubsHave([present.sha256Thumbprint]);
    const confirmed = await seen(20);
    assert.deepEqual(
      [confirmed.status, confirmed.registration?.sha256Thumbprint, confirmed.certificates?.[0]?.confirmedAt],
      ['assigned', present.sha256Thumbprint, timeAt(20)],
    );
    // A failed update comes back with the old one: the device is at its hub, and the record says with which.
    hubsHave([old.sha256Thumbprint]);
    const back = await seen(25);
    assert.deepEqual([back.status, back.registration?.sha256Thumbprint], ['assigned', old.sha256Thumbprint]);
  });

  it('keeps the hub that the device was at before, so that its identity there can be closed', async () => {
    const { world, seen } = await someWorld();
    using _world = world;
    await seen(5);
    await seen(10, { assignedHub: hubB });
    assert.deepEqual((await seen(15, { assignedHub: hubB })).hubs, [hubA]);
  });

  it('does not count for a certificate that is younger', async () => {
    const { world, merged, seen, reissue, timeAt } = await someWorld();
    using _world = world;
    await seen(5);
    const earlier = recordOf(world).serialNumber;
    await reissue(10);
    // Seen before the reissue: it does not count, whatever the clocks say.
    assert.equal((await seen(11, { at: timeAt(5) })).status, 'provisioned');
    // Older than the certificate.
    assert.equal((await seen(12, { at: timeAt(8) })).status, 'provisioned');
    world.enrollments.registrations.set('line7', [
      { deviceId: 'gw-1', registration: { status: 'assigned', assignedHub: hubA, at: timeAt(8) } },
    ]);
    await reconcileRegistrations({ ...world.services(), twins: noTwins });
    assert.equal(recordOf(world).status, 'provisioned');
    const record = await seen(15, { substatus: 'deviceDataMigrated' });
    assert.equal(record.status, 'assigned');
    // The row may have other tags, so its twin is delivered.
    assert.deepEqual(merged, [hubA, hubA]);
    const former = record.certificates?.find(({ serialNumber }) => serialNumber === earlier);
    assert.deepEqual([former?.state, former?.registeredAt], ['superseded', timeAt(5)]);
  });

  it('is not written to a device that a row claims, or that is blocked', async () => {
    const { world, seen } = await someWorld();
    using _world = world;
    const { value, etag } = await stored(world);
    await world.devices.replace([{ value: { ...value, status: 'suspended' }, etag }]);
    assert.equal((await seen(5)).status, 'suspended');
  });
});

describe('the twin of a device whose row is replaced', () => {
  for (const enrollment of ['group', 'individual'] as const) {
    it(`gets what the new row says and loses what only former rows said: ${enrollment} enrollment`, async () => {
      const { world, patches, seen, replace } = await someWorld(enrollment);
      using _world = world;
      await seen(5, { substatus: 'initialAssignment' });
      // An individual enrollment gives the first twin itself.
      assert.equal(patches.length, enrollment === 'group' ? 1 : 0);
      await replace(10, ',tags.site,desired.rate:number', ',berlin,10');
      // The device does not register before its row is replaced again.
      await replace(20, ',tags.line:number', ',99');
      const record = await seen(30, { substatus: 'deviceDataMigrated' });
      assert.deepEqual(patches.at(-1), { tags: { slot: null, site: 'home', line: 99 }, desired: { rate: null } });
      assert.equal(record.formerTwin, undefined);
      // A later registration finds the twin as it was written. An operator may have changed it.
      const written = patches.length;
      await seen(40, { substatus: 'deviceDataMigrated' });
      assert.equal(patches.length, written);
    });

    it(`loses all of it with a row that says nothing: ${enrollment} enrollment`, async () => {
      const { world, patches, seen, replace } = await someWorld(enrollment);
      using _world = world;
      await seen(5);
      await replace(10, '', '');
      await seen(20, { substatus: 'deviceDataMigrated' });
      assert.deepEqual(patches.at(-1), { tags: { slot: null }, desired: {} });
    });
  }

  it('is left to the individual enrollment where DPS resets it', async () => {
    const { world, patches, seen, replace } = await someWorld('individual');
    using _world = world;
    await seen(5);
    await replace(10, ',tags.line:number', ',99');
    assert.equal((await seen(20, { substatus: 'deviceDataReset' })).formerTwin, undefined);
    assert.deepEqual(patches, []);
  });

  it('is written also when the registration before the replacement was never seen', async () => {
    const { world, patches, seen, replace } = await someWorld('individual');
    using _world = world;
    await replace(10, ',tags.line:number', ',99');
    await seen(20, { substatus: 'deviceDataMigrated' });
    assert.deepEqual(patches, [{ tags: { slot: null, line: 99 }, desired: {} }]);
  });

  it('is written again until the hub takes it, and still loses what former rows said', async () => {
    const { world, patches, seen, replace, hubsHave } = await someWorld();
    using _world = world;
    await seen(5);
    await replace(10, ',tags.line:number', ',99');
    hubsHave(new FleetError('throttled', 'Busy.'));
    assert.deepEqual((await seen(20)).formerTwin, { tags: { slot: 'a' }, desired: {} });
    hubsHave([]);
    assert.equal((await seen(20)).formerTwin, undefined);
    assert.deepEqual(patches.slice(1), Array(2).fill({ tags: { slot: null, line: 99 }, desired: {} }));
  });

  it('is what it was, when the new row fails', async () => {
    const { world, replace } = await someWorld('individual');
    using _world = world;
    world.enrollments.enroll = async (devices) => devices.map(() => ({ errorCode: 400_000, message: 'No.' }));
    await replace(10, ',tags.line:number', ',99');
    const { twin, formerTwin, failedReissue } = recordOf(world);
    assert.equal(failedReissue?.code, 'enrollment-refused');
    assert.deepEqual([twin, formerTwin], [{ tags: { slot: 'a' }, desired: {} }, undefined]);
  });
});
