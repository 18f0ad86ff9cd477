import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { blockDevice } from '../../../lib/pipeline/block-device.ts';
import { deleteExpired } from '../../../lib/pipeline/delete-expired.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { scrapDevice } from '../../../lib/pipeline/scrap-device.ts';
import { someTime } from '../../factories.ts';
import fc from '../../fast-check.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

const dayMs = 24 * 60 * 60 * 1000;
const hub = 'hub.azure-devices.net';
const ann = { by: 'Ann', reason: 'worn out' };
const scrappedDeviceDays = 30;

/** Devices of a group, assigned to a hub. Certificates end after a year. */
async function openWorld(ids: readonly string[], enrollment: 'group' | 'individual' = 'group') {
  let time = someTime.getTime();
  const world = createWorld({ now: () => new Date(time) });
  await world.declare('line7', { keyCustody: 'plain', enrollment, validityDays: 365 });
  const jobId = await world.upload('line7/list.csv', `deviceId\n${ids.join('\n')}\n`);
  await world.settle();
  const registration = { status: 'assigned', assignedHub: hub } as const;
  world.enrollments.registrations.set(
    'line7',
    ids.map((deviceId) => ({ deviceId, registration })),
  );
  for (const deviceId of ids) world.identities.devices.set(`${hub}/${deviceId}`, { status: 'enabled' });
  await reconcileRegistrations(world.services());
  return Object.assign(world, {
    jobId,
    pass: (days: number) => {
      time += days * dayMs;
    },
    /** What is owed is taken off, as the timer does every minute. */
    settleEvents: async () => world.outbox.settle(await world.outbox.owing(1000)),
  });
}

const present = (world: World) => [...world.devices.records.keys()];

describe('records of scrapped devices', () => {
  for (const enrollment of ['group', 'individual'] as const) {
    it(`are deleted with their entry in DPS, and the id is new then (${enrollment})`, async () => {
      using world = await openWorld(['gw-1', 'gw-2'], enrollment);
      await scrapDevice('gw-1', ann, world.services());
      await world.settleEvents();
      assert.equal(world.enrollments.entries.individuals.get('gw-1')?.disabled, true);
      world.pass(400);
      assert.deepEqual(await deleteExpired(world.services(), { scrappedDeviceDays }), { devices: 1, jobs: 0 });
      assert.deepEqual(present(world), ['gw-2']);
      assert.equal(world.enrollments.entries.individuals.has('gw-1'), false);
      const jobId = await world.upload('line7/again.csv', 'deviceId\ngw-1\n');
      await world.settle();
      assert.equal((await world.job(jobId)).counts.provisioned, 1);
      const entry = world.enrollments.entries.individuals.get('gw-1');
      assert.equal(entry?.disabled, undefined, 'nothing refuses the new device');
    });
  }

  it('stay until the last certificate has ended, however short the time is', async () => {
    using world = await openWorld(['gw-1']);
    await scrapDevice('gw-1', ann, world.services());
    await world.settleEvents();
    world.pass(300);
    assert.equal((await deleteExpired(world.services(), { scrappedDeviceDays: 1 })).devices, 0);
    assert.ok(world.enrollments.entries.individuals.has('gw-1'));
    world.pass(100);
    assert.equal((await deleteExpired(world.services(), { scrappedDeviceDays: 1 })).devices, 1);
  });

  it('stay without a setting, and until the time is over', async () => {
    using world = await openWorld(['gw-1']);
    await scrapDevice('gw-1', ann, world.services());
    await world.settleEvents();
    world.pass(3000);
    assert.deepEqual(await deleteExpired(world.services(), {}), { devices: 0, jobs: 0 });
    assert.equal((await deleteExpired(world.services(), { scrappedDeviceDays: 3000 })).devices, 0);
    assert.deepEqual(present(world), ['gw-1']);
    world.pass(1);
    assert.equal((await deleteExpired(world.services(), { scrappedDeviceDays: 3000 })).devices, 1);
  });

  it('stay while they owe an event', async () => {
    using world = await openWorld(['gw-1']);
    await scrapDevice('gw-1', ann, world.services());
    world.pass(400);
    assert.equal((await deleteExpired(world.services(), { scrappedDeviceDays })).devices, 0);
    await world.settleEvents();
    assert.equal((await deleteExpired(world.services(), { scrappedDeviceDays })).devices, 1);
  });

  it('leave an entry in DPS that was made elsewhere', async () => {
    using world = await openWorld(['gw-1']);
    await scrapDevice('gw-1', ann, world.services());
    await world.settleEvents();
    const block = world.enrollments.entries.individuals.get('gw-1') ?? assert.fail();
    world.enrollments.entries.individuals.set('gw-1', { ...block, mark: 'of-someone-else' });
    world.pass(400);
    assert.equal((await deleteExpired(world.services(), { scrappedDeviceDays })).devices, 1);
    assert.equal(world.enrollments.entries.individuals.get('gw-1')?.mark, 'of-someone-else');
  });

  it('stay when their entry changes meanwhile, and do not keep others', async () => {
    using world = await openWorld(['gw-1', 'gw-2']);
    for (const id of ['gw-1', 'gw-2']) await scrapDevice(id, ann, world.services());
    await world.settleEvents();
    world.pass(400);
    const services = world.services();
    const deleteEnrollment: typeof services.enrollments.deleteEnrollment = async (id, isOwn) => {
      if (id === 'gw-1') throw new FleetError('concurrent-change', 'The enrollment changed.');
      return services.enrollments.deleteEnrollment(id, isOwn);
    };
    const enrollments = { ...services.enrollments, deleteEnrollment };
    assert.equal((await deleteExpired({ ...services, enrollments }, { scrappedDeviceDays })).devices, 1);
    assert.deepEqual(present(world), ['gw-1']);
  });

  it('stay when another row takes the id between the look and the deletion', async () => {
    using world = await openWorld(['gw-1']);
    await scrapDevice('gw-1', ann, world.services());
    await world.settleEvents();
    world.pass(400);
    const services = world.services();
    const devices: typeof services.devices = {
      ...services.devices,
      async remove(records) {
        await world.upload('line7/again.csv', 'deviceId\ngw-1\n');
        await world.settle();
        return services.devices.remove(records);
      },
    };
    assert.equal((await deleteExpired({ ...services, devices }, { scrappedDeviceDays })).devices, 0);
    assert.equal(world.devices.records.get('gw-1')?.status, 'provisioned');
  });

  it('are deleted by the next run when one is cut after any call', async () => {
    for (let call = 1; ; call++) {
      using world = await openWorld(['gw-1', 'gw-2', 'gw-3']);
      for (const id of ['gw-1', 'gw-3']) await scrapDevice(id, ann, world.services());
      await world.settleEvents();
      world.pass(400);
      world.interruptAfter(call);
      let isCut = false;
      await deleteExpired(world.services(), { scrappedDeviceDays }).catch((error: unknown) => {
        if (!(error instanceof Interruption)) throw error;
        isCut = true;
      });
      world.interruptAfter(Number.POSITIVE_INFINITY);
      await deleteExpired(world.services(), { scrappedDeviceDays });
      assert.deepEqual(present(world), ['gw-2'], `cut after call ${call}`);
      assert.deepEqual([...world.enrollments.entries.individuals.keys()], [], `cut after call ${call}`);
      if (!isCut) {
        assert.ok(call > 4, `${call}`);
        return;
      }
    }
  });

  it('are the only ones that are deleted, whatever the statuses and ages are', async () => {
    const status = fc.constantFrom('assigned', 'suspended', 'revoked', 'scrapped');
    // Certificates of 365 days end within the last tenth of that.
    const ages = fc.oneof(fc.integer({ min: 0, max: 320 }), fc.integer({ min: 370, max: 800 }));
    const fleet = fc.array(status, { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fleet, ages, fc.integer({ min: 1, max: 800 }), async (statuses, age, days) => {
        const ids = statuses.map((_, index) => `gw-${index}`);
        using world = await openWorld(ids);
        for (const [index, wanted] of statuses.entries()) {
          const id = ids[index] ?? '';
          if (wanted === 'scrapped') await scrapDevice(id, ann, world.services());
          else if (wanted !== 'assigned') await blockDevice(id, wanted, ann, world.services());
        }
        await world.settleEvents();
        world.pass(age);
        await deleteExpired(world.services(), { scrappedDeviceDays: days });
        const isKept = (wanted: string) => wanted !== 'scrapped' || age <= days || age <= 365;
        assert.deepEqual(
          present(world),
          ids.filter((_, index) => isKept(statuses[index] ?? '')),
        );
      }),
      { numRuns: 25 },
    );
  });
});

describe('jobs', () => {
  it('are deleted after their time, and those without a setting are kept', async () => {
    using world = await openWorld(['gw-1']);
    await world.settleEvents();
    world.pass(101);
    assert.equal((await deleteExpired(world.services(), {})).jobs, 0);
    assert.equal((await deleteExpired(world.services(), { jobDays: 102 })).jobs, 0);
    assert.ok(await world.jobs.read(world.jobId));
    assert.equal((await deleteExpired(world.services(), { jobDays: 100 })).jobs, 1);
    assert.equal(await world.jobs.read(world.jobId), undefined);
    assert.deepEqual(present(world), ['gw-1']);
  });

  it('are new when their list is sent again, and change nothing at its devices', async () => {
    using world = await openWorld(['gw-1']);
    await world.settleEvents();
    world.pass(101);
    await deleteExpired(world.services(), { jobDays: 100 });
    const { serialNumber } = world.devices.records.get('gw-1') ?? assert.fail();
    const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
    await world.settle();
    assert.equal((await world.job(jobId)).counts.unchanged, 1);
    assert.equal(world.devices.records.get('gw-1')?.serialNumber, serialNumber);
  });
});
