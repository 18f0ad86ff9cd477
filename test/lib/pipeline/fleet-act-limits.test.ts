import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceRecord, DeviceStatus } from '../../../lib/devices/device.ts';
import { FleetError } from '../../../lib/errors.ts';
import type { FleetAct, FleetActFilter, FleetActKind } from '../../../lib/jobs/fleet-act.ts';
import {
  beginFleetAct,
  cancelFleetAct,
  continueFleetAct,
  estimateFleetAct,
  readFleetAct,
  resumeFleetActs,
} from '../../../lib/pipeline/fleet-acts.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';

/* What an act on many devices counts, when it pauses, and what it keeps. */

const actId = 'a'.repeat(24);
const asked = { by: 'Ann', reason: 'lost' };
const registration = { status: 'assigned', assignedHub: 'hub.azure-devices.net' } as const;
const request = (kind: FleetActKind, filter: FleetActFilter = { enrollmentGroup: 'line7' }) => ({
  kind,
  filter,
  ...asked,
});
const idOf = (index: number) => `gw-${String(index).padStart(4, '0')}`;

async function openWorld(records: readonly DeviceRecord[], now?: () => Date): Promise<World> {
  const world = createWorld(now === undefined ? {} : { now });
  await world.declare('line7', { keyCustody: 'plain' });
  await world.devices.create([...records]);
  return world;
}

const devices = (count: number, change: Partial<DeviceRecord> = {}) =>
  Array.from({ length: count }, (_, index) =>
    someDevice({ id: idOf(index), status: 'assigned', registration, ...change }),
  );

const act = (change: Partial<FleetAct> = {}): FleetAct => ({
  ...{ actId, kind: 'suspend', filter: { enrollmentGroup: 'line7' }, ...asked, status: 'running' },
  estimate: { devices: 0, calls: { dps: 0, hub: 0 }, minutes: 0, limit: 'DPS' },
  counts: { done: 0, underway: 0, refused: 0, unchanged: 0 },
  ...{ refusals: [], startedAt: someTime.toISOString(), nextAt: someTime.toISOString() },
  ...change,
});

describe('the estimate of an act', () => {
  for (const [kind, dps, hub] of [
    ['suspend', 6, 4],
    ['revoke', 6, 4],
    ['scrap', 9, 6],
  ] as const) {
    it(`to ${kind} counts ${dps} operations of DPS per device, and ${hub} of its hub`, async () => {
      using world = await openWorld([...devices(10), someDevice({ id: 'x', status: 'provisioned' })]);
      const { devices: found, calls, minutes, limit } = await estimateFleetAct(request(kind), world.services());
      // 50 operations of the registry per minute.
      assert.deepEqual(
        [found, calls, minutes, limit],
        [11, { dps: 11 * dps, hub: 10 * hub }, Math.ceil((10 * hub) / 50), 'hub registry'],
      );
    });
  }

  it('to restore counts each change twice', async () => {
    const block = { ...asked, kind: 'suspended', at: '', mark: 'm', from: 'assigned', marks: [], doors: {} } as const;
    using world = await openWorld(devices(10, { status: 'suspended', block }));
    assert.deepEqual((await estimateFleetAct(request('restore'), world.services())).calls, { dps: 80, hub: 60 });
  });

  it('names what takes longest: the hub, DPS, or the pace that was asked for', async () => {
    using world = await openWorld(devices(10));
    const estimate = async (more: object, ports: object = {}) => {
      const { minutes, limit } = await estimateFleetAct(
        { ...request('suspend'), ...more },
        { ...world.services(), ...ports },
      );
      return [minutes, limit];
    };
    assert.deepEqual(await estimate({}), [1, 'hub registry']);
    assert.deepEqual(await estimate({ devicesPerMinute: 2 }), [5, 'devicesPerMinute']);
    assert.deepEqual(await estimate({ devicesPerMinute: 3 }), [4, 'devicesPerMinute']);
    assert.deepEqual(await estimate({ devicesPerMinute: 100 }), [1, 'hub registry']);
    const deployment = { dpsOperationsPerMinute: 10, usesKeyVault: false };
    assert.deepEqual(await estimate({}, { deployment }), [6, 'DPS']);
    assert.deepEqual(await estimate({}, { registryOperationsPerMinute: 10 }), [4, 'hub registry']);
  });

  const block = (kind: 'suspended' | 'revoked' | 'scrapped') =>
    ({ ...asked, kind, at: '', mark: 'm', from: 'assigned', marks: [], doors: {} }) as const;
  const states: readonly [status: DeviceStatus, kind: Parameters<typeof block>[0] | undefined, open: string][] = [
    ['assigned', undefined, 'suspend revoke scrap'],
    ['provisioned', undefined, 'suspend revoke scrap'],
    ['failed', undefined, 'suspend revoke scrap'],
    ['claimed', undefined, 'suspend revoke scrap'],
    ['closing', 'suspended', 'suspend revoke restore scrap'],
    ['closing', 'revoked', 'revoke scrap'],
    ['suspended', 'suspended', 'revoke restore scrap'],
    ['opening', 'suspended', 'suspend revoke restore scrap'],
    ['revoked', 'revoked', 'scrap'],
    ['scrapped', 'scrapped', ''],
    ['deleting', undefined, 'scrap'],
    ['deleted', undefined, ''],
  ];
  for (const [status, kind, open] of states) {
    it(`has a device that is ${status}${kind ? ` (${kind})` : ''} in acts to ${open || 'do nothing'}`, async () => {
      using world = await openWorld(devices(1, { status, ...(kind && { block: block(kind) }) }));
      const found: string[] = [];
      for (const each of ['suspend', 'revoke', 'restore', 'scrap'] as const) {
        if ((await estimateFleetAct(request(each), world.services())).devices === 1) found.push(each);
      }
      assert.equal(found.join(' '), open);
    });
  }
});

describe('the devices of an act', () => {
  const count = async (world: World, filter: FleetActFilter) =>
    (await estimateFleetAct(request('suspend', filter), world.services())).devices;

  it('have the tag as text, at its path', async () => {
    const tagged = (id: string, tags: object) =>
      someDevice({ id, status: 'assigned', twin: { tags, desired: {} } as never });
    using world = await openWorld([
      tagged('gw-1', { place: { hall: 3 } }),
      tagged('gw-2', { place: { hall: '3' } }),
      tagged('gw-3', { place: 3 }),
      tagged('gw-4', { place: { hall: { row: 3 } } }),
      tagged('gw-5', { place: { hall: null }, 'place.hall': 3 }),
      someDevice({ id: 'gw-6', status: 'assigned' }),
    ]);
    const tag = (path: string, value: string) => count(world, { tag: { path, value } });
    assert.equal(await tag('place.hall', '3'), 2);
    assert.equal(await tag('place', '3'), 1);
    assert.equal(await tag('place.hall.row', '3'), 1);
    assert.equal(await tag('place.hall', '[object Object]'), 0);
    assert.equal(await tag('place.hall', 'null'), 0);
    assert.equal(await tag('constructor.name', 'Object'), 0);
  });

  it('match each member: group, job, act that suspended them, and list', async () => {
    const jobId = 'b'.repeat(24);
    using world = await openWorld([
      ...devices(2),
      someDevice({ id: 'gw-b', status: 'assigned', claim: { jobId, chunk: 0, line: 2, attempt: 1 } }),
      someDevice({ id: 'gw-c', status: 'assigned', enrollmentGroup: 'line8' }),
    ]);
    assert.equal(await count(world, { enrollmentGroup: 'line7' }), 3);
    assert.equal(await count(world, { jobId }), 1);
    assert.equal(await count(world, { jobId, enrollmentGroup: 'line8' }), 0);
    const deviceIds = [idOf(0), 'gw-b', 'gw-c', 'no-such'];
    assert.equal(await count(world, { deviceIds }), 3);
    assert.equal(await count(world, { deviceIds, enrollmentGroup: 'line7' }), 2);
    assert.equal(await count(world, { suspendedBy: actId }), 0);
  });

  it('are read in pages of 1,000, also those of a list', async () => {
    using world = await openWorld(devices(2100));
    const deviceIds = Array.from({ length: 2101 }, (_, index) => idOf(index));
    assert.equal(await count(world, { deviceIds }), 2100);
    assert.equal(await count(world, { enrollmentGroup: 'line7' }), 2100);
    const { counts, refusals } = await beginFleetAct(actId, request('suspend', { deviceIds }), world.services());
    assert.deepEqual([counts.refused, refusals.map(({ deviceId }) => deviceId)], [1, [idOf(2100)]]);
  });
});

describe('an act', () => {
  it('begins after the time that was asked for, and keeps the latest 20 refusals', async () => {
    using world = await openWorld([]);
    const deviceIds = Array.from({ length: 25 }, (_, index) => idOf(index));
    const begun = await beginFleetAct(actId, request('suspend', { deviceIds }), world.services(), { delaySeconds: 30 });
    assert.deepEqual([begun.startedAt, begun.nextAt], [someTime.toISOString(), '2026-11-23T08:00:30.000Z']);
    assert.equal(begun.counts.refused, 25);
    assert.deepEqual(
      begun.refusals.map(({ deviceId }) => deviceId),
      deviceIds.slice(5),
    );
  });

  it('waits for its time: a message that is more than 5 seconds early is sent again', async () => {
    for (const [ms, isEarly] of [
      [5000, false],
      [5001, true],
    ] as const) {
      using world = await openWorld([]);
      await world.fleetActs.create(act({ nextAt: new Date(someTime.getTime() + ms).toISOString() }));
      await continueFleetAct(actId, world.services());
      const { value } = await readFleetAct(actId, world.services());
      assert.deepEqual([value.status, world.blockMessages.length], isEarly ? ['running', 1] : ['completed', 0]);
    }
  });

  it('is worked on for 30 seconds per message, and goes on behind the last device', async () => {
    for (const [seconds, steps] of [
      [15, 3],
      [16, 2],
    ] as const) {
      let time = someTime.getTime();
      using world = await openWorld(devices(25), () => new Date(time));
      await world.fleetActs.create(act());
      const ports = world.services();
      let taken = 0;
      const closeAll: typeof ports.enrollments.closeAll = (doors) => {
        taken += 1;
        time += seconds * 1000;
        return ports.enrollments.closeAll(doors);
      };
      await continueFleetAct(actId, { ...ports, enrollments: { ...ports.enrollments, closeAll } });
      const { value } = await readFleetAct(actId, ports);
      // Ten devices per step.
      assert.deepEqual([taken, value.after], [steps, idOf(Math.min(steps * 10, 25) - 1)]);
      assert.equal(value.status, steps === 3 ? 'completed' : 'running');
      assert.equal(world.blockMessages.filter((message) => 'actId' in message).length, steps === 3 ? 0 : 1);
    }
  });

  it('is taken for lost after 15 minutes', async () => {
    for (const [ms, resumed] of [
      [900_000, 0],
      [900_001, 1],
    ] as const) {
      using world = await openWorld([], () => new Date(someTime.getTime() + ms));
      await world.fleetActs.create(act());
      assert.equal(await resumeFleetActs(world.services()), resumed);
      assert.equal(world.blockMessages.length, resumed);
    }
  });

  it('is cancelled once, and not when it is completed', async () => {
    using world = await openWorld([]);
    await world.fleetActs.create(act({ status: 'completed' }));
    const ports = world.services();
    await assert.rejects(cancelFleetAct(actId, 'Bob', ports), { code: 'method-conflict', message: /is completed/ });
    const other = 'b'.repeat(24);
    await world.fleetActs.create(act({ actId: other }));
    const cancelled = await cancelFleetAct(other, 'Bob', ports);
    assert.deepEqual([cancelled.status, cancelled.finishedAt], ['cancelled', someTime.toISOString()]);
    assert.equal((await cancelFleetAct(other, 'Carl', ports)).cancelledBy?.by, 'Bob');
    await assert.rejects(cancelFleetAct('c'.repeat(24), 'Bob', ports), { code: 'not-found' });
  });

  it('is given up where it changes at each look', async () => {
    using world = await openWorld([]);
    await world.fleetActs.create(act());
    const ports = world.services();
    let writes = 0;
    const replace = async () => {
      writes += 1;
      return undefined;
    };
    const busy = { ...ports, fleetActs: { ...ports.fleetActs, replace } };
    await assert.rejects(cancelFleetAct(actId, 'Bob', busy), { code: 'concurrent-change' });
    assert.equal(writes, 10);
  });

  it('stops before a device whose error can pass, and counts those before it', async () => {
    using world = await openWorld(devices(2, { registration: undefined as never }));
    await world.fleetActs.create(act());
    const ports = world.services();
    const { replace } = ports.devices;
    const away: typeof replace = async (records) => {
      if (records.some(({ value }) => value.id === idOf(1))) throw new FleetError('unavailable', 'Away.');
      return replace(records);
    };
    await assert.rejects(continueFleetAct(actId, { ...ports, devices: { ...ports.devices, replace: away } }), {
      code: 'unavailable',
    });
    const { value } = await readFleetAct(actId, ports);
    assert.deepEqual([value.counts.done + value.counts.underway, value.after, value.status], [1, idOf(0), 'running']);
  });
});
