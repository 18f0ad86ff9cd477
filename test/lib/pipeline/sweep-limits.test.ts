import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceRecord, DeviceStatus } from '../../../lib/devices/device.ts';
import type { ObservedIdentity } from '../../../lib/enrollment/observed.ts';
import { noRows } from '../../../lib/jobs/job.ts';
import { sweep } from '../../../lib/pipeline/sweep.ts';
import { readSweepState } from '../../../lib/pipeline/sweep-state.ts';
import { someDevice, someJob, someTime } from '../../factories.ts';
import { createMemoryFleetReader } from '../../memory/fleet-reader.ts';
import { createWorld, noTwins, sweptDps, type World } from '../../world.ts';

/* A sweep takes a part of a large fleet, writes down where it is, and goes on there. */

const hub = 'hub.azure-devices.net';
const dayMs = 24 * 60 * 60 * 1000;

/** @param each what happens before each observation */
function sweeping(world: World, { pageSize = 100, each = () => {} } = {}) {
  const fleet = createMemoryFleetReader(world.enrollments, pageSize);
  const asked = { enrollment: 0, registration: 0 };
  const given = world.services();
  const { enrollment, registration } = given.enrollments;
  const enrollments = {
    ...given.enrollments,
    enrollment: (id: string) => {
      asked.enrollment += 1;
      return enrollment(id);
    },
    registration: (id: string) => {
      asked.registration += 1;
      return registration(id);
    },
  };
  const observe = async () => {
    each();
    return { opened: 0, gone: 0, repaired: 0 };
  };
  const ports = () => ({ ...given, ...sweptDps({ ...given, enrollments }), twins: noTwins, fleet, observe });
  return { fleet, asked, sweep: (begin = true) => sweep(ports(), { begin }) };
}

async function withRecords(world: World, count: number, status: DeviceStatus, more: Partial<DeviceRecord> = {}) {
  const ids = Array.from({ length: count }, (_, index) => `gw-${String(index).padStart(5, '0')}`);
  await world.devices.create(ids.map((id) => someDevice({ id, enrollmentGroup: 'line7', status, ...more })));
  return ids;
}

/** @param onWrite is called before each write of the state of the sweep */
function watchWrites(world: World, onWrite: () => void): void {
  const { write } = world.reports;
  world.reports.write = async (name, ...rest) => {
    if (name.startsWith('_sweep')) onWrite();
    return write(name, ...rest);
  };
}

/** Counts how often the state of the sweep is written. */
function countingWrites(world: World): () => number {
  let writes = 0;
  watchWrites(world, () => {
    writes += 1;
  });
  return () => writes;
}

describe('the place of a sweep', () => {
  it('is written after each 20 steps, and at its end', async () => {
    using world = createWorld();
    // One step per group, and some others.
    for (let index = 0; index < 27; index++) await world.declare(`line${index}`, { keyCustody: 'plain' });
    const { fleet, sweep: run } = sweeping(world);
    let groupsRead = 0;
    const { registrations } = fleet;
    fleet.registrations = async (...given) => {
      groupsRead += 1;
      return registrations(...given);
    };
    const readBefore: number[] = [];
    watchWrites(world, () => readBefore.push(groupsRead));
    await run();
    // Two steps come before the registrations of the first group. All groups are looked at once more, among six other steps.
    assert.deepEqual(readBefore, [18, 27, 27, 27]);
  });

  it('is written after a minute, and a run ends after 20', async () => {
    let time = someTime.getTime();
    using world = createWorld({ now: () => new Date(time) });
    for (let index = 0; index < 4; index++) await world.declare(`line${index}`, { keyCustody: 'plain' });
    await withRecords(world, 1, 'provisioned', { enrollmentGroup: 'line0' });
    const stepsIn = async (seconds: number) => {
      const writes = countingWrites(world);
      const { fleet, sweep: run } = sweeping(world);
      const { registrations } = fleet;
      fleet.registrations = async (...given) => {
        time += seconds * 1000;
        return registrations(...given);
      };
      const ended = await run();
      return { writes: writes(), ended: ended !== undefined };
    };
    assert.deepEqual(await stepsIn(59), { writes: 3, ended: true });
    assert.deepEqual(await stepsIn(60), { writes: 5, ended: true });
    // Two steps take 20 minutes. The run writes after each, and at its end.
    assert.deepEqual(await stepsIn(600), { writes: 3, ended: false });
  });

  it('leads on to the end, whenever a run ended', async () => {
    let time = someTime.getTime();
    using world = createWorld({ now: () => new Date(time) });
    await world.declare('line7', { keyCustody: 'plain' });
    await withRecords(world, 1, 'provisioned');
    const { sweep: run } = sweeping(world, {
      each: () => {
        time += 20 * 60 * 1000;
      },
    });
    assert.equal(await run(true), undefined);
    const { cursor } = await readSweepState(world.reports);
    assert.notEqual(cursor, undefined);
    let runs = 1;
    while ((await run(false)) === undefined) runs += 1;
    assert.ok(runs > 1);
  });
});

describe('devices that DPS is asked for one by one', () => {
  it('are 500 of a group with individual enrollments, and the others in the next sweep', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain', enrollment: 'individual' });
    const ids = await withRecords(world, 620, 'provisioned', { enrolledCertificates: ['A'] });
    const entry = { etag: '1', createdAt: '', attestation: 'x509', thumbprints: ['A'], caReferences: [] };
    for (const id of ids) world.enrollments.entries.individuals.set(id, entry);
    const { asked, sweep: run } = sweeping(world);
    await run();
    assert.deepEqual(asked, { enrollment: 0, registration: 500 });
    await run();
    assert.equal(asked.registration, 620);
    await run();
    assert.equal(asked.registration, 1120, 'the third sweep begins again');
  });

  it('are 5,000 of a group of which something is missing', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    await withRecords(world, 5100, 'assigned', { registration: { status: 'assigned' } });
    const { asked, sweep: run } = sweeping(world);
    await run();
    assert.deepEqual(asked, { enrollment: 0, registration: 5000 });
    await run();
    assert.equal(asked.registration, 5100);
  });
});

describe('identities that no record accounts for', () => {
  it('are read in 100 pages of a hub, and the others in the next sweep', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const registration = { status: 'assigned', assignedHub: hub, at: '2027-01-01T00:00:00Z' } as const;
    await withRecords(world, 1, 'assigned', { registration });
    world.enrollments.registrations.set('line7', [{ deviceId: 'gw-00000', registration }]);
    const { fleet, sweep: run } = sweeping(world, { pageSize: 1 });
    const theirs = { hub, status: 'enabled', authentication: 'sas', etag: 'x', thumbprints: [] } as const;
    const identities = Array.from({ length: 105 }, (_, index): ObservedIdentity => {
      return { ...theirs, deviceId: `theirs-${index}` };
    });
    fleet.hubs.set(hub, identities);
    const { identities: read } = fleet;
    let pages = 0;
    fleet.identities = (...given) => {
      pages += 1;
      return read(...given);
    };
    await run();
    assert.equal(pages, 100);
    await run();
    assert.equal(pages, 105);
    await run();
    assert.equal(pages, 205, 'the third sweep begins again');
  });
});

describe('a job whose last write was lost', () => {
  const counts = { ...noRows, total: 1, provisioned: 1 };

  for (const [days, isEnded] of [
    [7, true],
    [7.01, false],
  ] as const) {
    it(`is ${isEnded ? '' : 'not '}ended ${days} days after it was received`, async () => {
      using world = createWorld();
      const receivedAt = new Date(someTime.getTime() - days * dayMs).toISOString();
      await world.jobs.create(someJob({ status: 'provisioning', counts, receivedAt }));
      await sweeping(world).sweep();
      assert.equal((await world.job(someJob().jobId)).finishedAt !== undefined, isEnded);
    });
  }
});

describe('the hubs of a sweep', () => {
  it('count the identities of devices that work, or were closed, there', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const registration = { status: 'assigned', assignedHub: hub } as const;
    const at = someTime.toISOString();
    const block = {
      kind: 'revoked',
      by: 'Ann',
      at,
      reason: '',
      mark: 'm',
      from: 'assigned',
      marks: [],
      doors: {},
    } as const;
    const states: readonly [DeviceStatus, boolean][] = [
      ['assigned', true],
      ['provisioned', true],
      ['suspended', true],
      ['revoked', true],
      ['scrapped', true],
      ['claimed', false],
      ['failed', false],
      ['deleted', false],
      ['closing', false],
    ];
    await world.devices.create(
      states.map(([status]) => someDevice({ id: status, enrollmentGroup: 'line7', status, registration, block })),
    );
    const { fleet, sweep: run } = sweeping(world);
    const named = new Set<string>();
    const { identitiesOf } = fleet;
    fleet.identitiesOf = async (name, ids) => {
      for (const id of ids) named.add(`${name} ${id}`);
      return identitiesOf(name, ids);
    };
    await run();
    assert.deepEqual(
      [...named].sort(),
      states.flatMap(([status, isAsked]) => (isAsked ? [`${hub} ${status}`] : [])).sort(),
    );
  });
});
