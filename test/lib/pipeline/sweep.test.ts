import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObservedIdentity } from '../../../lib/enrollment/observed.ts';
import { FleetError } from '../../../lib/errors.ts';
import type { Observation } from '../../../lib/findings/observation.ts';
import { blockDevice } from '../../../lib/pipeline/block-device.ts';
import { sweep } from '../../../lib/pipeline/sweep.ts';
import { readSweepState } from '../../../lib/pipeline/sweep-state.ts';
import { assertEvery } from '../../assert-every.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createMemoryFleetReader } from '../../memory/fleet-reader.ts';
import { createWorld, noTwins, sweptDps, type World } from '../../world.ts';

const hub = 'hub.azure-devices.net';
const list = 'deviceId,enrollmentGroup\n';

/** A world whose clock a test moves, and a sweep that records what it sees. */
function sweeping(world: World, { pageSize = 100 } = {}) {
  const fleet = createMemoryFleetReader(world.enrollments, pageSize);
  const seen: Observation[] = [];
  let failAt = Number.POSITIVE_INFINITY;
  const observe = async (observation: Observation) => {
    if (seen.length + 1 === failAt) {
      failAt = Number.POSITIVE_INFINITY;
      throw new FleetError('unavailable', 'Cosmos DB is away.');
    }
    seen.push(observation);
    return { opened: 0, gone: 0, repaired: 0 };
  };
  const ports = () => {
    const given = world.services();
    return { ...given, ...sweptDps(given), twins: noTwins, fleet, observe };
  };
  return {
    fleet,
    seen,
    sweep: (begin = true) => sweep(ports(), { begin }),
    failAt: (observation: number) => {
      failAt = observation;
    },
    devicesSeen: () => seen.flatMap((each) => (each.of === 'devices' ? each.devices : [])),
  };
}

async function provision(world: World, enrollment: 'group' | 'individual', count: number): Promise<string[]> {
  await world.declare('line7', { keyCustody: 'plain', enrollment });
  const ids = Array.from({ length: count }, (_, index) => `gw-${String(index).padStart(3, '0')}`);
  await world.upload('list.csv', list + ids.map((id) => `${id},line7\n`).join(''));
  await world.settle();
  return ids;
}

function register(world: World, ids: readonly string[], assignedHub = hub): void {
  const registration = { status: 'assigned', assignedHub, at: '2027-01-01T00:00:00Z' } as const;
  world.enrollments.registrations.set(
    'line7',
    ids.map((deviceId) => ({ deviceId, registration })),
  );
}

const recordOf = (world: World, id: string) => world.devices.records.get(id) ?? assert.fail();

describe('a sweep', () => {
  it('looks at groups, registrations and identities, and brings records up to date', async () => {
    using world = createWorld();
    const ids = await provision(world, 'group', 5);
    register(world, ids);
    const { sweep: run, seen, devicesSeen, fleet } = sweeping(world);
    fleet.hubs.set(hub, [
      {
        ...{ deviceId: 'gw-000', hub, status: 'enabled', authentication: 'selfSigned', etag: 'x' },
        thumbprints: [recordOf(world, 'gw-000').identity?.sha256Thumbprint ?? ''],
      },
      { deviceId: 'theirs', hub, status: 'enabled', authentication: 'sas', etag: 'x', thumbprints: [] },
    ]);
    const figures = await run();
    // The query of the hub names one of five devices, its registry is asked for four, and its list has two.
    assert.deepEqual(
      [
        figures?.groups,
        figures?.registrations,
        figures?.devices,
        figures?.identities,
        figures?.changed,
        figures?.calls,
      ],
      [1, 5, 5, 3, 5, 10],
    );
    assertEvery(ids, (id) => recordOf(world, id).status === 'assigned');
    assert.deepEqual([...new Set(seen.map(({ of }) => of))], ['groups', 'devices', 'end']);
    // Records are handed over as they were written, so that a finding is not taken for a race.
    const [first] = seen.filter((each) => each.of === 'devices');
    assert.equal(first?.records.get('gw-000')?.value.status, 'assigned');
    assert.deepEqual(
      devicesSeen().flatMap(({ deviceId, identity }) => (identity === undefined ? [] : [[deviceId, identity?.etag]])),
      [['gw-000', 'x'], ...ids.slice(1).map((id) => [id, undefined])],
    );
    // A device that DPS moved is moved in the record.
    register(world, ids, 'b.azure-devices.net');
    world.enrollments.registrations.set('line7', [
      ...(world.enrollments.registrations.get('line7') ?? []).map((each) => ({
        ...each,
        registration: { ...each.registration, at: '2027-02-01T00:00:00Z' },
      })),
    ]);
    await run();
    assert.equal(recordOf(world, 'gw-004').registration?.assignedHub, 'b.azure-devices.net');
  });

  it('begins only when asked to, and goes on where it was cut, without missing anything', async () => {
    for (let cut = 1; cut <= 4; cut++) {
      using world = createWorld();
      register(world, await provision(world, 'group', 5));
      const { sweep: run, failAt, devicesSeen, fleet } = sweeping(world, { pageSize: 2 });
      assert.equal(await run(false), undefined);
      assert.equal(fleet.calls.groups, 0);
      failAt(cut);
      await assert.rejects(run(), { code: 'unavailable' });
      const figures = await run(false);
      assert.equal(figures?.registrations, 5, `cut at ${cut}`);
      assert.equal(new Set(devicesSeen().map(({ deviceId }) => deviceId)).size, 5);
      assert.ok(fleet.calls.registrations <= 4);
      assert.equal(await run(false), undefined);
    }
  });

  it('finds an individual enrollment that is missing, and its device is not unchanged then', async () => {
    using world = createWorld();
    await provision(world, 'individual', 3);
    const held = world.enrollments.entries.individuals.get('gw-001') ?? assert.fail();
    const { sweep: run, devicesSeen, fleet } = sweeping(world);
    await run();
    assert.equal(recordOf(world, 'gw-001').enrolled?.missingSince, undefined);
    world.enrollments.entries.individuals.delete('gw-001');
    await run();
    const missing = devicesSeen().filter(({ enrollment }) => enrollment === null);
    assert.deepEqual(
      missing.map(({ deviceId }) => deviceId),
      ['gw-001'],
    );
    assert.notEqual(recordOf(world, 'gw-001').enrolled?.missingSince, undefined);
    const jobId = await world.upload('again.csv', `${list}gw-000,line7\ngw-001,line7\n`);
    await world.settle();
    const { counts } = await world.job(jobId);
    assert.deepEqual([counts.unchanged, counts.rejected], [1, 1]);
    // It is there again.
    world.enrollments.entries.individuals.set('gw-001', held);
    await run();
    assert.equal(recordOf(world, 'gw-001').enrolled?.missingSince, undefined);
    assert.equal(fleet.calls.enrollments, 3);
  });

  it('sees the registrations of devices with individual enrollments, and those that are gone', async () => {
    using world = createWorld();
    const ids = await provision(world, 'individual', 3);
    register(world, ids);
    const { sweep: run, devicesSeen } = sweeping(world);
    await run();
    assertEvery(ids, (id) => recordOf(world, id).status === 'assigned');
    register(world, ids.slice(1));
    await run();
    const gone = devicesSeen().filter(({ registration }) => registration === null);
    assert.deepEqual(
      gone.map(({ deviceId }) => deviceId),
      ['gw-000'],
    );
  });

  it('hands over devices that never registered', async () => {
    using world = createWorld();
    const ids = await provision(world, 'group', 3);
    const { sweep: run, devicesSeen } = sweeping(world);
    assert.equal((await run())?.devices, 3);
    assert.deepEqual(
      devicesSeen(),
      ids.map((deviceId) => ({ deviceId })),
    );
  });

  it('takes an identity for gone when its registry says so, and not when only the list lacks it', async () => {
    using world = createWorld();
    const ids = await provision(world, 'group', 2);
    register(world, ids);
    world.identities.devices.set(`${hub}/gw-000`, { status: 'enabled' });
    const { sweep: run, devicesSeen } = sweeping(world);
    await run();
    assert.deepEqual(
      devicesSeen().flatMap(({ deviceId, identity }) => (identity === undefined ? [] : [[deviceId, identity?.status]])),
      [
        ['gw-000', 'enabled'],
        ['gw-001', undefined],
      ],
    );
  });

  it('hands over an identity at a hub where its device does not belong', async () => {
    using world = createWorld();
    const ids = await provision(world, 'group', 2);
    register(world, ids);
    const { sweep: run, devicesSeen, fleet } = sweeping(world);
    const identity = { hub, status: 'enabled', authentication: 'selfSigned', etag: 'x', thumbprints: [] } as const;
    fleet.hubs.set(
      hub,
      ids.map((deviceId) => ({ ...identity, deviceId })),
    );
    await run();
    assert.equal(fleet.calls.identities, 1, 'the records account for every identity, so the list is not read');
    const other = 'b.azure-devices.net';
    await provision(world, 'group', 3);
    world.enrollments.registrations.get('line7')?.push({
      deviceId: 'gw-002',
      registration: { status: 'assigned', assignedHub: other, at: '2027-01-01T00:00:00Z' },
    });
    fleet.hubs.set(other, [
      { ...identity, hub: other, deviceId: 'gw-002' },
      { ...identity, hub: other, deviceId: 'gw-000' },
    ]);
    await run();
    const elsewhere = devicesSeen().filter((each) => each.identity?.hub === other);
    assert.deepEqual(
      elsewhere.map(({ deviceId }) => deviceId),
      ['gw-002', 'gw-000'],
    );
  });

  it('notes how large a group is, so that its certificates are spread wide enough', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const size = async () =>
      (await world.services().groups.directory({ maxAgeSeconds: 0 })).get('line7')?.value.deviceScale;
    const count = (working: number) => async () => ({
      value: [
        { enrollmentGroup: 'line7', status: 'assigned', devices: working } as const,
        { enrollmentGroup: 'line7', status: 'scrapped', devices: 50_000 } as const,
        { enrollmentGroup: 'gone', status: 'assigned', devices: 50_000 } as const,
      ],
      requestUnits: 1,
    });
    world.devices.countByStatus = count(5000);
    await sweeping(world).sweep();
    assert.equal(await size(), 8192);
    world.devices.countByStatus = count(500);
    await sweeping(world).sweep();
    assert.equal(await size(), undefined);
  });

  it('goes on without a hub that does not answer, and asks it again in the next sweep', async () => {
    using world = createWorld();
    const ids = await provision(world, 'group', 2);
    register(world, ids);
    const { sweep: run, devicesSeen, fleet } = sweeping(world);
    const { identitiesOf } = fleet;
    fleet.identitiesOf = async () => {
      throw new Error('401 Unauthorized');
    };
    const figures = await run();
    assert.deepEqual([figures?.silentHubs, figures?.devices], [1, 2]);
    assertEvery(devicesSeen(), ({ identity }) => identity === undefined);
    const hubs = async () => (await readSweepState(world.services().reports)).latest?.hubs;
    assert.deepEqual(await hubs(), { [hub]: null });
    fleet.identitiesOf = identitiesOf;
    const theirs = { deviceId: 'theirs', hub, status: 'enabled', authentication: 'sas', etag: 'x', thumbprints: [] };
    fleet.hubs.set(hub, [theirs as ObservedIdentity]);
    assert.equal((await run())?.silentHubs, 0);
    // Identities of others use up the quota too.
    assert.deepEqual(await hubs(), { [hub]: 1 });
    assert.ok(devicesSeen().some(({ identity }) => identity === null));
  });

  it('asks the registry for 1,000 devices that a hub does not list, and for the others in the next sweep', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const registration = { status: 'assigned', assignedHub: hub } as const;
    const ids = Array.from({ length: 1600 }, (_, index) => `gw-${String(index).padStart(4, '0')}`);
    const records = ids.map((id) =>
      someDevice({ id, enrollmentGroup: 'line7', status: 'assigned', registration: { ...registration } }),
    );
    await world.devices.create(records);
    const { sweep: run, devicesSeen } = sweeping(world);
    const gone = () => devicesSeen().filter(({ identity }) => identity === null).length;
    await run();
    assert.equal(gone(), 1000);
    await run();
    assert.equal(gone(), 1600);
    await run();
    assert.equal(gone(), 2600, 'the third sweep begins again');
  });

  it('asks DPS for every block when it lists fewer than the records say', async () => {
    using world = createWorld();
    const ids = await provision(world, 'group', 3);
    register(world, ids);
    const { sweep: run, devicesSeen } = sweeping(world);
    await run();
    for (const id of ids.slice(1)) await blockDevice(id, 'revoked', { by: 'Ann', reason: 'lost' }, world.services());
    await run();
    const missing = () => devicesSeen().flatMap(({ deviceId, enrollment }) => (enrollment === null ? [deviceId] : []));
    assert.deepEqual(missing(), []);
    world.enrollments.entries.individuals.delete('gw-002');
    await run();
    assert.deepEqual(missing(), ['gw-002']);
  });

  it('reads a list again from its beginning when DPS does not know the continuation any more', async () => {
    using world = createWorld();
    register(world, await provision(world, 'group', 5));
    const { sweep: run, fleet } = sweeping(world, { pageSize: 2 });
    const { registrations } = fleet;
    fleet.registrations = async (group, continuation) => {
      if (continuation !== undefined) throw new Error('400 Bad Request');
      return registrations(group, continuation);
    };
    await assert.rejects(run(), { message: '400 Bad Request' });
    fleet.registrations = registrations;
    const figures = await run(false);
    assert.equal(figures?.registrations, 2 + 5);
  });

  it('ends findings by parts, and goes on in the next run', async () => {
    let time = someTime.getTime();
    using world = createWorld({ now: () => new Date(time) });
    await provision(world, 'group', 3);
    const { fleet } = sweeping(world);
    const given = world.services();
    const parts: (string | undefined)[] = [];
    const observe = async (observation: Observation) => {
      if (observation.of !== 'end') return { opened: 0, gone: 0, repaired: 0 };
      parts.push(observation.place);
      time += 15 * 60 * 1000;
      return { opened: 0, gone: 1, repaired: 0, ...(parts.length < 5 && { next: String(parts.length) }) };
    };
    const run = (begin: boolean) => sweep({ ...given, ...sweptDps(given), twins: noTwins, fleet, observe }, { begin });
    assert.equal(await run(true), undefined);
    assert.equal(await run(false), undefined);
    assert.equal((await run(false))?.gone, 5);
    assert.deepEqual(parts, [undefined, '1', '2', '3', '4']);
  });

  it('counts the records once, however many groups there are', async () => {
    using world = createWorld();
    for (const id of ['line1', 'line2', 'line3']) await world.declare(id, { keyCustody: 'plain' });
    await provision(world, 'group', 3);
    let counts = 0;
    const { countByStatus } = world.devices;
    world.devices.countByStatus = (period) => {
      counts += 1;
      return countByStatus(period);
    };
    await sweeping(world).sweep();
    assert.equal(counts, 1);
  });

  it('forgets places in groups and hubs that are gone', async () => {
    using world = createWorld();
    await provision(world, 'group', 3);
    const places = { line7: 'gw-001', 'deleted-group': 'gw-1', 'gone.azure-devices.net': 'x', '*identities': 'gw-002' };
    await world.reports.write('_sweep.json', Buffer.from(JSON.stringify({ places })), {
      contentType: 'application/json',
    });
    await sweeping(world).sweep();
    const state = JSON.parse((await world.reports.read('_sweep.json'))?.toString() ?? '') as { places: object };
    assertEvery(Object.keys(state.places), (name) => name === 'line7' || name === '*identities');
  });

  it('begins again a sweep of a version that had fewer phases', async () => {
    using world = createWorld();
    await provision(world, 'group', 2);
    const cursor = { began: '2026-11-27T01:00:00.000Z', phase: 'hubs', pages: 0, seen: {}, hubs: [hub], figures: {} };
    await world.reports.write('_sweep.json', Buffer.from(JSON.stringify({ cursor, places: {} })), {
      contentType: 'application/json',
    });
    assert.equal((await sweeping(world).sweep(false))?.devices, 2);
  });

  it('ends a job whose rows are all counted and whose last write was lost', async () => {
    using world = createWorld();
    await provision(world, 'group', 3);
    const [job] = (await world.jobs.list({ size: 10 })).items;
    const { finishedAt: _finishedAt, ...rest } = job ?? assert.fail();
    const lost = { ...rest, jobId: 'lost0000000000000000000000', status: 'provisioning' as const };
    await world.jobs.create(lost);
    await sweeping(world).sweep();
    const ended = await world.job(lost.jobId);
    assert.equal(ended.status, 'completed');
    assert.notEqual(ended.finishedAt, undefined);
  });

  it('ends a job a second time, whose last write after a retry was lost', async () => {
    using world = createWorld();
    await provision(world, 'group', 3);
    const [job] = (await world.jobs.list({ size: 10 })).items;
    const retried = { ...(job ?? assert.fail()), jobId: 'lost0000000000000000000000' };
    await world.jobs.create({ ...retried, status: 'completedWithErrors', finishedAt: '2026-11-01T00:00:00.000Z' });
    await sweeping(world).sweep();
    const { status, finishedAt } = await world.job(retried.jobId);
    assert.deepEqual([status, finishedAt], ['completed', someTime.toISOString()]);
  });

  it('reads a fleet of 10,000 devices with 10 calls of DPS and of its hub per 1,000 of them', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const ids = Array.from({ length: 10_000 }, (_, index) => `gw-${index}`);
    await world.devices.create(ids.map((id) => someDevice({ id, enrollmentGroup: 'line7', status: 'provisioned' })));
    register(world, ids);
    const { sweep: run, fleet } = sweeping(world);
    const identity = { hub, status: 'enabled', authentication: 'selfSigned', etag: 'x', thumbprints: [] } as const;
    fleet.hubs.set(
      hub,
      ids.map((deviceId) => ({ ...identity, deviceId })),
    );
    const figures = await run();
    assert.equal(figures?.registrations, 10_000);
    assert.equal(fleet.calls.registrations, 100);
    assert.equal(figures?.changed, 10_000);
    assert.equal(fleet.calls.identities, 100);
  });
});
