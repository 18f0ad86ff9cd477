import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blockDevice } from '../../../lib/pipeline/block-device.ts';
import {
  beginFleetAct,
  cancelFleetAct,
  continueFleetAct,
  estimateFleetAct,
  type FleetActRequest,
  readFleetAct,
} from '../../../lib/pipeline/fleet-acts.ts';
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
  return Object.assign(world, { deliver, statuses });
}

const countsOf = async (world: Awaited<ReturnType<typeof openWorld>>) =>
  (await readFleetAct(actId, world.services())).value;

describe('an act on many devices', () => {
  it('is estimated before, works on the devices of its filter, and counts them', async () => {
    using world = await openWorld();
    const ports = world.services();
    assert.deepEqual(await estimateFleetAct(suspendAll, ports), { devices: 12, minutes: 1, limit: 'hub registry' });
    const slow = { ...suspendAll, devicesPerMinute: 2 };
    assert.deepEqual(await estimateFleetAct(slow, ports), { devices: 12, minutes: 6, limit: 'devicesPerMinute' });
    assert.deepEqual(world.statuses('line7'), { provisioned: 12 });
    await beginFleetAct(actId, suspendAll, ports);
    await world.deliver();
    const { status, counts } = await countsOf(world);
    assert.deepEqual([status, counts], ['completed', { done: 12, underway: 0, refused: 0 }]);
    assert.deepEqual(world.statuses('line7'), { suspended: 12 });
    assert.deepEqual(world.statuses('line8'), { provisioned: 12 });
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
    for (let call = 5; call < 60; call += 7) {
      using world = await openWorld(3);
      await beginFleetAct(actId, suspendAll, world.services());
      world.interruptAfter(call);
      await world.deliver();
      world.interruptAfter(Number.POSITIVE_INFINITY);
      await world.deliver();
      assert.deepEqual(world.statuses('line7'), { suspended: 3 }, `cut after call ${call}`);
      assert.equal((await countsOf(world)).status, 'completed');
    }
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
    assert.deepEqual((await countsOf(world)).counts, { done: 1, underway: 1, refused: 0 });
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
