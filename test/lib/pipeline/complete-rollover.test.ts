import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { certificatesOf } from '../../../lib/devices/certificates.ts';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { FleetError } from '../../../lib/errors.ts';
import { type GroupRecord, isInUse } from '../../../lib/groups/group.ts';
import { jobErrors } from '../../../lib/jobs/reports.ts';
import { completeRollover } from '../../../lib/pipeline/complete-rollover.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { readRolloverGate } from '../../../lib/pipeline/rollover-gate.ts';
import { someTime } from '../../factories.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

const plain = { keyCustody: 'plain' } as const;
const ann = { by: 'Ann' };

const groupOf = async (world: World): Promise<GroupRecord> =>
  (await world.groupStore.read('line7'))?.value ?? assert.fail();
const generations = ({ issuingCas }: GroupRecord) => issuingCas.map(({ generation }) => generation);
const inDps = (world: World) => world.enrollments.entries.groups.get('line7')?.thumbprints.length;
const gateOf = async (world: World) => readRolloverGate(await groupOf(world), world.services());
const isGated = (error: unknown): boolean => error instanceof FleetError && error.code === 'rollover-gated';

const list = (...ids: readonly string[]) => `deviceId\n${ids.join('\n')}\n`;

async function provision(world: World, name: string, ...ids: readonly string[]): Promise<string> {
  const jobId = await world.upload(`line7/${name}.csv`, list(...ids), { onconflict: 'reissue' });
  await world.settle();
  return jobId;
}

/** The device has registered with its present certificate. */
async function confirm(world: World, ...ids: readonly string[]): Promise<void> {
  for (const record of (await world.devices.read(ids)).values()) {
    const certificates = certificatesOf(record.value).map((each) =>
      each.serialNumber === record.value.serialNumber ? { ...each, confirmedAt: someTime.toISOString() } : each,
    );
    await world.devices.replace([{ ...record, value: { ...record.value, status: 'assigned', certificates } }]);
  }
}

/** A group whose devices gw-1 and gw-2 have registered, and gw-3 has not, at a rollover. */
async function rolledOver(): Promise<World> {
  const world = createWorld();
  await world.declare('line7', plain);
  await provision(world, 'first', 'gw-1', 'gw-2', 'gw-3');
  await confirm(world, 'gw-1', 'gw-2');
  await world.services().groups.rollOver('line7', { from: 1 });
  return world;
}

/** Delivers until the queues are empty, again where trying again can help. */
async function settle(world: World): Promise<void> {
  for (let delivery = world.queue.shift(); delivery !== undefined; delivery = world.queue.shift()) {
    try {
      await delivery.run();
    } catch (error) {
      if (!(error instanceof FleetError) || !error.retry) throw error;
      world.queue.unshift(delivery);
    }
  }
}

/** Delivers until an archive is stored. The worker ends there, and its message waits. */
async function settleToArchive(world: World): Promise<void> {
  for (let call = 1; world.bundles.blobs.size === 0; call++) {
    const delivery = world.queue.shift() ?? assert.fail();
    world.interruptAfter(call);
    await delivery.run().then(
      () => {
        call = 0;
      },
      () => void world.queue.unshift(delivery),
    );
  }
  world.interruptAfter(Number.POSITIVE_INFINITY);
}

/** Devices that are to work by a CA that their group has no more. */
async function lockedOut(world: World): Promise<readonly DeviceRecord[]> {
  const group = await groupOf(world);
  return [...world.devices.records.values()].filter((record) => {
    const present = certificatesOf(record).find(({ serialNumber }) => serialNumber === record.serialNumber);
    const works = record.status === 'provisioned' || record.status === 'assigned';
    return works && present?.caGeneration !== undefined && !isInUse(group, present.caGeneration);
  });
}

describe('the end of a rollover', () => {
  it('is refused while devices need the older CA, and says how many and until when', async () => {
    using world = await rolledOver();
    const gate = (await gateOf(world)) ?? assert.fail();
    assert.deepEqual(
      [gate.open, gate.devicesLockedOut, gate.notRenewed.devices, gate.notInstalled.devices],
      [false, 3, 2, 1],
    );
    assert.equal(gate.opensBy, gate.notRenewed.until);
    assert.equal(gate.observedAt, someTime.toISOString());
    const message =
      /Without CA 1 of group "line7", 3 devices could not register \(not renewed 2, .*opens by itself by 2027-/;
    await assert.rejects(completeRollover('line7', ann, world.services()), { code: 'rollover-gated', message });
    const wrong = { ...ann, devicesLockedOut: 2 };
    await assert.rejects(completeRollover('line7', wrong, world.services()), {
      code: 'rollover-gated',
      message: /names 2/,
    });
    const after = await groupOf(world);
    assert.deepEqual([generations(after), after.removingCa, inDps(world)], [[2, 1], undefined, 2]);
  });

  it('is let through by the number of devices that it locks out', async () => {
    using world = await rolledOver();
    const { group, pending, gate } = await completeRollover('line7', { ...ann, devicesLockedOut: 3 }, world.services());
    assert.equal(pending, undefined);
    assert.equal(gate?.devicesLockedOut, 3);
    assert.deepEqual([generations(group), inDps(world)], [[2], 1]);
    assert.deepEqual(
      group.retiredCas?.map(({ generation }) => generation),
      [1],
    );
    assert.equal(group.retiredCas?.[0]?.retiredAt, someTime.toISOString());
    assert.equal((await groupOf(world)).removingCa, undefined);
  });

  it('opens when every device has registered with the new CA, and removes the older one once', async () => {
    using world = await rolledOver();
    await provision(world, 'second', 'gw-1', 'gw-2', 'gw-3');
    const between = (await gateOf(world)) ?? assert.fail();
    // gw-3 never had the older certificate in use.
    assert.deepEqual([between.open, between.notConfirmed.devices], [false, 2]);
    await confirm(world, 'gw-1', 'gw-2');
    assert.equal((await gateOf(world))?.open, true);
    const { group } = await completeRollover('line7', ann, world.services());
    assert.deepEqual([generations(group), inDps(world)], [[2], 1]);
    const again = await completeRollover('line7', ann, world.services());
    assert.deepEqual(again.group.retiredCas, group.retiredCas);
    assert.equal(await gateOf(world), undefined);
  });

  it('needs a rollover, and DPS to have the new CA', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    const asked = () => completeRollover('line7', ann, world.services());
    await assert.rejects(asked(), { code: 'method-conflict', message: /has one issuing CA\. Start a rollover first/ });
    await assert.rejects(completeRollover('nobody', ann, world.services()), { code: 'not-found' });
    const theirs = {
      etag: '"x"',
      createdAt: '2026-01-01T00:00:00Z',
      attestation: 'x509',
      thumbprints: ['00'],
      caReferences: [],
    };
    world.enrollments.entries.groups.set('line7', theirs);
    await assert.rejects(world.services().groups.rollOver('line7'), { code: 'group-exists' });
    await assert.rejects(asked(), {
      code: 'method-conflict',
      message: /DPS does not have group "line7" as declared yet/,
    });
    assert.deepEqual(generations(await groupOf(world)), [2, 1]);
  });

  it('asks for no device in a group with individual enrollments', async () => {
    using world = createWorld();
    await world.declare('line7', { ...plain, enrollment: 'individual' });
    await provision(world, 'first', 'gw-1');
    await world.services().groups.rollOver('line7');
    assert.deepEqual([(await gateOf(world))?.open, (await gateOf(world))?.devicesLockedOut], [true, 0]);
    assert.deepEqual(generations((await completeRollover('line7', ann, world.services())).group), [2]);
  });

  it('ends the same whichever call was the last before a crash', async () => {
    let cut = true;
    for (let call = 1; cut; call++) {
      using world = await rolledOver();
      const forced = { ...ann, devicesLockedOut: 3 };
      world.interruptAfter(call);
      cut = await completeRollover('line7', forced, world.services()).then(
        () => false,
        (error: unknown) => error instanceof Interruption || assert.fail(String(error)),
      );
      world.interruptAfter(Number.POSITIVE_INFINITY);
      if (cut) await completeRollover('line7', forced, world.services());
      const group = await groupOf(world);
      assert.deepEqual([generations(group), group.removingCa, inDps(world)], [[2], undefined, 1], `cut after ${call}`);
      assert.deepEqual(
        group.retiredCas?.map(({ generation }) => generation),
        [1],
        `cut after ${call}`,
      );
      // Work goes on by the current CA.
      const jobId = await provision(world, 'later', 'gw-9');
      assert.equal((await world.job(jobId)).counts.provisioned, 1);
    }
  });

  it('retires the CA that a third one pushes out', async () => {
    using world = await rolledOver();
    await world.services().groups.rollOver('line7', { force: true });
    const group = await groupOf(world);
    assert.deepEqual(generations(group), [3, 2]);
    assert.deepEqual(
      group.retiredCas?.map(({ generation }) => generation),
      [1],
    );
  });
});

describe('chunks in work while a CA is removed', () => {
  it('leave no device with a certificate of that CA, whichever call the removal meets', async () => {
    let completed = 0;
    for (let call = 1, paused = true; paused; call++) {
      using world = createWorld();
      await world.declare('line7', plain);
      const jobId = await world.upload('line7/list.csv', list('gw-1', 'gw-2', 'gw-3'));
      world.pauseAfter(call, async () => {
        await world.services().groups.rollOver('line7', { from: 1 });
        const done = await completeRollover('line7', ann, world.services()).then(
          () => true,
          (error: unknown) => (isGated(error) ? false : assert.fail(String(error))),
        );
        completed += Number(done);
      });
      await settle(world);
      paused = world.hasPaused();
      assert.deepEqual(await lockedOut(world), [], `after call ${call}`);
      const { counts } = await world.job(jobId);
      assert.equal(counts.provisioned + counts.failed, 3, `after call ${call}`);
      if (counts.failed === 0) continue;
      const errors = await Array.fromAsync(jobErrors(jobId, world.services()));
      assert.deepEqual([...new Set(errors.map(({ code }) => code))], ['ca-removed']);
      await retryJob(await world.job(jobId), world.services());
      await settle(world);
      assert.equal((await world.job(jobId)).counts.provisioned, 3, `after call ${call}`);
      assert.deepEqual(await lockedOut(world), []);
    }
    assert.ok(completed > 5, String(completed));
  });

  it('that stored an archive before are counted by the gate or issued again, whenever they go on', async () => {
    let [gated, failed] = [0, 0];
    for (let call = 1, paused = true; paused; call++) {
      using world = createWorld();
      await world.declare('line7', plain);
      const jobId = await world.upload('line7/list.csv', list('gw-1', 'gw-2', 'gw-3'));
      await settleToArchive(world);
      await world.services().groups.rollOver('line7', { from: 1 });
      world.pauseAfter(call, () => settle(world));
      const refused = await completeRollover('line7', ann, world.services()).then(
        () => false,
        (error: unknown) => isGated(error) || assert.fail(String(error)),
      );
      paused = world.hasPaused();
      await settle(world);
      assert.deepEqual(await lockedOut(world), [], `after call ${call}`);
      const { counts } = await world.job(jobId);
      assert.equal(counts.provisioned + counts.failed, 3, `after call ${call}`);
      gated += Number(refused);
      failed += Number(counts.failed > 0);
    }
    assert.ok(gated > 0 && failed > 0, `${gated} ${failed}`);
  });
});
