import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { blockDevice } from '../../../lib/pipeline/block-device.ts';
import {
  beginFleetAct,
  cancelFleetAct,
  continueFleetAct,
  estimateFleetAct,
  type FleetActRequest,
  readFleetAct,
  resumeFleetActs,
} from '../../../lib/pipeline/fleet-acts.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { continueBlock } from '../../../lib/pipeline/settle-block.ts';
import { restoreGroup, suspendGroup } from '../../../lib/pipeline/suspend-group.ts';
import { someTime } from '../../factories.ts';
import { createWorld, Interruption } from '../../world.ts';

const hub = 'hub.azure-devices.net';
const actId = 'a'.repeat(24);
const asked = { by: 'Ann', reason: 'image 4.2 leaks keys' };
const suspendAll: FleetActRequest = { kind: 'suspend', filter: { enrollmentGroup: 'line7' }, ...asked };

/** A world with a clock, and devices of two groups that are at a hub. */
async function openWorld(rows = 12) {
  let time = someTime.getTime();
  const world = createWorld({ now: () => new Date(time) });
  for (const group of ['line7', 'line8']) {
    await world.declare(group, { keyCustody: 'plain' });
    const ids = Array.from({ length: rows }, (_, index) => `${group}-${index + 10}`);
    const lines = ids.map((id, index) => `${id},${index % 2 === 0 ? 'berlin' : 'oslo'}`);
    await world.upload(`${group}/list.csv`, `deviceId,tags.site\n${lines.join('\n')}\n`);
    await world.settle();
    const registration = { status: 'assigned', assignedHub: hub } as const;
    world.enrollments.registrations.set(
      group,
      ids.map((deviceId) => ({ deviceId, registration })),
    );
    for (const id of ids) world.identities.devices.set(`${hub}/${id}`, { status: 'enabled' });
  }
  /** Delivers messages until none is left, each a minute later; one that is interrupted comes again. */
  async function deliver(): Promise<void> {
    for (let message = world.blockMessages.shift(); message !== undefined; message = world.blockMessages.shift()) {
      time += 90_000;
      try {
        if ('actId' in message) await continueFleetAct(message.actId, world.services());
        else await continueBlock(message.deviceId, world.services());
      } catch (error) {
        if (!(error instanceof Interruption)) throw error;
        world.blockMessages.push(message);
      }
    }
  }
  const statuses = (group: string) => {
    const records = [...world.devices.records.values()].filter(({ enrollmentGroup }) => enrollmentGroup === group);
    return Object.fromEntries(
      [...Map.groupBy(records, ({ status }) => status)].map(([key, { length }]) => [key, length]),
    );
  };
  const pass = (seconds: number) => {
    time += seconds * 1000;
  };
  return Object.assign(world, { deliver, statuses, pass });
}

const countsOf = async (world: Awaited<ReturnType<typeof openWorld>>) =>
  (await readFleetAct(actId, world.services())).value;

/** Calls of an act on three devices. */
async function callsOfAct(): Promise<number> {
  using world = await openWorld(3);
  await beginFleetAct(actId, suspendAll, world.services());
  world.interruptAfter(Number.POSITIVE_INFINITY);
  await world.deliver();
  return world.settle();
}

describe('an act on many devices', () => {
  it('names the ids of its list that no device has', async () => {
    using world = await openWorld(3);
    const deviceIds = ['line7-10', 'no-such-1', 'no-such-2'];
    await beginFleetAct(actId, { ...suspendAll, filter: { deviceIds } }, world.services());
    await world.deliver();
    const { counts, refusals, status } = await countsOf(world);
    assert.deepEqual([status, counts], ['completed', { done: 1, underway: 0, refused: 2, unchanged: 0 }]);
    assert.deepEqual(
      refusals.map(({ deviceId, code }) => [deviceId, code]),
      [
        ['no-such-1', 'not-found'],
        ['no-such-2', 'not-found'],
      ],
    );
  });

  it('finds a device by its tag while a row is about to issue it again', async () => {
    using world = await openWorld(3);
    await world.upload('line7/again.csv', 'deviceId,tags.site\nline7-10,paris\n', { onconflict: 'reissue' });
    await world.queue.shift()?.run();
    const chunk = world.queue.shift() ?? assert.fail();
    world.failOn('ensureGroup');
    world.failOn('readRange');
    for (let call = 1; world.devices.records.get('line7-10')?.status !== 'claimed'; call++) {
      world.interruptAfter(call);
      await chunk.run().catch((error: unknown) => assert.ok(error instanceof Interruption));
    }
    const tag = { path: 'site', value: 'berlin' };
    const { devices } = await estimateFleetAct({ ...suspendAll, filter: { tag } }, world.services());
    assert.equal(devices, 4);
  });

  it('that is cancelled for the restore of its group leaves no device suspended', async () => {
    using world = await openWorld(3);
    await suspendGroup('line7', actId, asked, world.services());
    world.blockMessages.splice(0);
    // The worker has read the act and the devices, and is about to write the first record.
    const { devices } = world;
    const services = world.services();
    let restored = false;
    async function replace(records: Parameters<typeof devices.replace>[0]) {
      if (!restored) {
        restored = true;
        await restoreGroup('line7', asked, world.services());
        const [message] = world.blockMessages.splice(0);
        assert.ok(message !== undefined && 'actId' in message);
        await continueFleetAct(message.actId, world.services());
      }
      return devices.replace(records);
    }
    await continueFleetAct(actId, { ...services, devices: { ...devices, replace } });
    assert.ok(restored);
    await world.deliver();
    assert.deepEqual(world.statuses('line7'), { provisioned: 3 });
  });

  it('is estimated before, works on the devices of its filter, and counts them', async () => {
    using world = await openWorld();
    const ports = world.services();
    const expected = { devices: 12, calls: { dps: 72, hub: 0 }, minutes: 1, limit: 'DPS' };
    assert.deepEqual(await estimateFleetAct(suspendAll, ports), expected);
    await reconcileRegistrations(ports);
    // 50 operations per minute.
    const atHub = { devices: 12, calls: { dps: 72, hub: 48 }, minutes: 1, limit: 'hub registry' };
    assert.deepEqual(await estimateFleetAct(suspendAll, ports), atHub);
    const slow = await estimateFleetAct({ ...suspendAll, devicesPerMinute: 2 }, ports);
    assert.deepEqual([slow.minutes, slow.limit], [6, 'devicesPerMinute']);
    assert.deepEqual(world.statuses('line7'), { assigned: 12 });
    assert.deepEqual((await beginFleetAct(actId, suspendAll, ports)).estimate, atHub);
    await world.deliver();
    const { status, counts } = await countsOf(world);
    assert.deepEqual([status, counts], ['completed', { done: 12, underway: 0, refused: 0, unchanged: 0 }]);
    assert.deepEqual(world.statuses('line7'), { suspended: 12 });
    assert.deepEqual(world.statuses('line8'), { assigned: 12 });
  });

  it('takes a tag, a list of ids and a job, and every member has to match', async () => {
    using world = await openWorld();
    const count = async (filter: FleetActRequest['filter']) =>
      (await estimateFleetAct({ ...suspendAll, filter }, world.services())).devices;
    assert.equal(await count({ tag: { path: 'site', value: 'oslo' } }), 12);
    assert.equal(await count({ tag: { path: 'constructor.name', value: 'Object' } }), 0);
    assert.equal(await count({ deviceIds: ['line7-10', 'line8-11', 'nobody'] }), 2);
    assert.equal(await count({ deviceIds: ['line7-10', 'line8-11'], enrollmentGroup: 'line8' }), 1);
    const jobId = world.devices.records.get('line7-10')?.claim.jobId;
    assert.equal(await count({ jobId, tag: { path: 'site', value: 'oslo' } }), 6);
  });

  it('goes on where it was, whichever call was interrupted', async () => {
    const total = await callsOfAct();
    assert.ok(total > 30, `${total} calls`);
    for (let call = 1; call <= total; call++) {
      using world = await openWorld(3);
      await beginFleetAct(actId, suspendAll, world.services());
      world.interruptAfter(call);
      await world.deliver();
      world.interruptAfter(Number.POSITIVE_INFINITY);
      await world.deliver();
      assert.deepEqual(world.statuses('line7'), { suspended: 3 }, `cut after call ${call}`);
      const { status, counts } = await countsOf(world);
      assert.equal(status, 'completed');
      // Every device is counted, once.
      const { done, underway, ...others } = counts;
      assert.deepEqual([done + underway, others], [3, { refused: 0, unchanged: 0 }], `cut after call ${call}`);
    }
  });

  it('stops between two steps when it is cancelled', async () => {
    using world = await openWorld(25);
    const ports = world.services();
    await beginFleetAct(actId, suspendAll, ports);
    world.blockMessages.length = 0;
    // Cancelled while the devices of the second step are closed.
    const { closeAll } = ports.enrollments;
    let steps = 0;
    const enrollments = {
      ...ports.enrollments,
      async closeAll(doors: Parameters<typeof closeAll>[0]) {
        steps += 1;
        if (steps === 2) await cancelFleetAct(actId, 'Bob', ports);
        return closeAll(doors);
      },
    };
    await continueFleetAct(actId, { ...ports, enrollments });
    assert.deepEqual(world.statuses('line7'), { suspended: 20, provisioned: 5 });
    const { status, counts } = await countsOf(world);
    assert.deepEqual([status, counts.done], ['cancelled', 10]);
    assert.ok(!world.blockMessages.some((message) => 'actId' in message));
  });

  it('counts every device once when a store asks to wait', async () => {
    using world = await openWorld(25);
    const ports = world.services();
    await beginFleetAct(actId, suspendAll, ports);
    world.blockMessages.length = 0;
    let refusals = 3;
    const devices = {
      ...ports.devices,
      async replace(records: Parameters<typeof ports.devices.replace>[0]) {
        const isRefused = records.some(({ value }) => value.id === 'line7-17') && refusals > 0;
        if (!isRefused) return ports.devices.replace(records);
        refusals -= 1;
        throw new FleetError('throttled', 'Cosmos DB is throttling this app.');
      },
    };
    for (let delivery = 1; delivery <= 3; delivery++) {
      await assert.rejects(continueFleetAct(actId, { ...ports, devices }), { code: 'throttled' });
      assert.equal((await countsOf(world)).after, 'line7-16');
    }
    await continueFleetAct(actId, { ...ports, devices });
    const { status, counts } = await countsOf(world);
    assert.deepEqual([status, counts], ['completed', { done: 25, underway: 0, refused: 0, unchanged: 0 }]);
  });

  it('ends although the answer to any one of its writes was lost, and the repeated write was refused', async () => {
    for (let lost = 1; lost <= 4; lost++) {
      using world = await openWorld(25);
      const ports = world.services();
      await beginFleetAct(actId, suspendAll, ports);
      let writes = 0;
      const fleetActs = {
        ...ports.fleetActs,
        async replace(act: Parameters<typeof ports.fleetActs.replace>[0]) {
          const etag = await ports.fleetActs.replace(act);
          writes += 1;
          return writes === lost ? undefined : etag;
        },
      };
      await continueFleetAct(actId, { ...ports, fleetActs });
      const { status, counts } = await countsOf(world);
      assert.deepEqual([status, counts.done], ['completed', 25], `write ${lost}`);
    }
  });

  it('keeps its message when a write is refused although nothing has changed', async () => {
    using world = await openWorld(5);
    const ports = world.services();
    await beginFleetAct(actId, suspendAll, ports);
    const fleetActs = { ...ports.fleetActs, replace: async () => undefined };
    await assert.rejects(continueFleetAct(actId, { ...ports, fleetActs }), { code: 'concurrent-change' });
  });

  it('is sent again by the timer when its message was lost', async () => {
    using world = await openWorld(2);
    await beginFleetAct(actId, suspendAll, world.services());
    world.blockMessages.length = 0;
    assert.equal(await resumeFleetActs(world.services()), 0);
    world.pass(16 * 60);
    assert.equal(await resumeFleetActs(world.services()), 1);
    await world.deliver();
    assert.deepEqual(world.statuses('line7'), { suspended: 2 });
    assert.equal(await resumeFleetActs(world.services()), 0);
  });

  it('has one pace, however many messages it has', async () => {
    using world = await openWorld();
    await beginFleetAct(actId, { ...suspendAll, devicesPerMinute: 5 }, world.services());
    for (let message = 1; message <= 3; message++) await continueFleetAct(actId, world.services());
    assert.deepEqual(world.statuses('line7'), { suspended: 5, provisioned: 7 });
    world.pass(60);
    for (let message = 1; message <= 3; message++) await continueFleetAct(actId, world.services());
    assert.deepEqual(world.statuses('line7'), { suspended: 10, provisioned: 2 });
  });

  it('keeps a pace that is no multiple of its steps', async () => {
    using world = await openWorld(30);
    await beginFleetAct(actId, { ...suspendAll, devicesPerMinute: 12 }, world.services());
    await continueFleetAct(actId, world.services());
    assert.deepEqual(world.statuses('line7'), { suspended: 12, provisioned: 18 });
    world.pass(60);
    await continueFleetAct(actId, world.services());
    assert.deepEqual(world.statuses('line7'), { suspended: 24, provisioned: 6 });
  });

  it('keeps its pace, and ends when it is cancelled', async () => {
    using world = await openWorld();
    await beginFleetAct(actId, { ...suspendAll, devicesPerMinute: 5 }, world.services());
    world.blockMessages.length = 0;
    await continueFleetAct(actId, world.services());
    assert.equal((await countsOf(world)).counts.done, 5);
    const { status, cancelledBy } = await cancelFleetAct(actId, 'Bob', world.services());
    assert.deepEqual([status, cancelledBy?.by], ['cancelled', 'Bob']);
    await world.deliver();
    assert.deepEqual(world.statuses('line7'), { suspended: 5, provisioned: 7 });
  });

  it('counts what is refused, with the reason', async () => {
    using world = await openWorld(2);
    await blockDevice('line7-10', 'revoked', asked, world.services());
    await beginFleetAct(actId, { ...suspendAll, kind: 'scrap' }, world.services());
    world.blockMessages.splice(0, 1);
    const theirs = { etag: '"x"', createdAt: '2026-01-01', attestation: 'x509', thumbprints: ['AB'], caReferences: [] };
    world.enrollments.entries.individuals.set('line7-11', theirs);
    await continueFleetAct(actId, world.services());
    assert.deepEqual((await countsOf(world)).counts, { done: 1, underway: 1, refused: 0, unchanged: 0 });
  });

  it('is refused when it would change another number of devices than was confirmed, and begins nothing', async () => {
    using world = await openWorld(3);
    const { devices } = await estimateFleetAct(suspendAll, world.services());
    await world.upload('line7/more.csv', 'deviceId\nline7-99\n');
    await world.settle();
    await assert.rejects(
      beginFleetAct(actId, suspendAll, world.services(), { expectedDevices: devices }),
      (error: unknown) =>
        error instanceof FleetError && error.code === 'method-conflict' && error.details.expected === '4',
    );
    assert.deepEqual(world.blockMessages, []);
    await assert.rejects(readFleetAct(actId, world.services()), { code: 'not-found' });
    const begun = await beginFleetAct(actId, suspendAll, world.services(), { expectedDevices: devices + 1 });
    assert.equal(begun.estimate.devices, 4);
  });
});

describe('a suspended group', () => {
  it('is disabled in DPS, with its devices, until it is restored', async () => {
    using world = await openWorld(4);
    await blockDevice('line7-11', 'suspended', { by: 'Carl', reason: 'stolen' }, world.services());
    const { group, act } = await suspendGroup('line7', actId, asked, world.services());
    assert.equal(group.suspension?.reason, asked.reason);
    assert.equal(world.enrollments.groups.get('line7')?.definition.provisioningStatus, 'disabled');
    await world.deliver();
    assert.deepEqual(world.statuses('line7'), { suspended: 4 });
    // A repeated request finds the act of the first.
    const again = await suspendGroup('line7', 'b'.repeat(24), asked, world.services());
    assert.equal(again.act.actId, act.actId);
    // A declaration does not end the suspension.
    await world.declare('line7', { keyCustody: 'plain', initialTwin: { tags: { a: 1 } } });
    assert.equal(world.enrollments.groups.get('line7')?.definition.provisioningStatus, 'disabled');

    await restoreGroup('line7', { by: 'Ann', reason: 'fixed' }, world.services());
    assert.equal(world.enrollments.groups.get('line7')?.definition.provisioningStatus, 'enabled');
    await world.deliver();
    // The device that was suspended by itself stays so.
    assert.deepEqual(world.statuses('line7'), { suspended: 1, provisioned: 3 });
    assert.equal(world.devices.records.get('line7-11')?.status, 'suspended');
    await assert.rejects(restoreGroup('line7', asked, world.services()), { code: 'method-conflict' });
  });
});
