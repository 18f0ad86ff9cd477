import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createDpsPlaces, type DpsPlaces } from '../../../lib/enrollment/dps-places.ts';
import { enrollmentsByInstance } from '../../../lib/enrollment/enrollments-by-instance.ts';
import { limitedEnrollments } from '../../../lib/enrollment/limited-enrollments.ts';
import { FleetError } from '../../../lib/errors.ts';
import { someDevice, someGroup, someTime } from '../../factories.ts';
import { makeCertificate } from '../../infra/emulators/dps/certificates.ts';
import { createMemoryDeviceStore } from '../../memory/device-store.ts';
import { createMemoryEnrollments } from '../../memory/enrollments.ts';
import { createMemoryGroupStore } from '../../memory/group-store.ts';
import { createWorld } from '../../world.ts';

const change = { isOwn: () => true, mayWrite: async () => true };
const anything = async () => {};

/** Two instances in memory, and devices that are at `places`. */
function twoInstances(places: Readonly<Record<string, readonly string[]>> = {}) {
  const [first, west] = [createMemoryEnrollments(), createMemoryEnrollments()];
  const placesOf = (ids: readonly string[]) => new Map(ids.flatMap((id) => (places[id] ? [[id, places[id]]] : [])));
  const known: DpsPlaces = {
    ofGroup: async () => 'west',
    ofDevices: async (ids) => placesOf(ids),
    ofRecords: async (records) => placesOf(records.map(({ id }) => id)),
  };
  const all = enrollmentsByInstance(
    new Map([
      ['default', first],
      ['west', west],
    ]),
    known,
  );
  return { first, west, all };
}

async function individual(deviceId: string, dps?: string) {
  return {
    deviceId,
    certificatePem: (await makeCertificate({ name: deviceId })).pem,
    definition: someGroup('line', { enrollment: 'individual', ...(dps !== undefined && { dps }) }),
    twin: { tags: {}, desired: {} },
    ...{ own: [], adopt: false, mayWrite: async () => true },
  };
}

describe('enrollments in several DPS instances', () => {
  it('are written to the instance of their group', async () => {
    const { first, west, all } = twoInstances();
    const primaryCertificatePem = (await makeCertificate({ name: 'CA', ca: true })).pem;
    await all.ensureGroup({ definition: someGroup('a'), primaryCertificatePem }, anything);
    await all.ensureGroup({ definition: someGroup('b', { dps: 'west' }), primaryCertificatePem }, anything);
    const devices = [await individual('gw-1', 'west'), await individual('gw-2'), await individual('gw-3', 'west')];
    assert.deepEqual(await all.enroll(devices), [undefined, undefined, undefined]);
    assert.deepEqual([[...first.groups.keys()], [...west.groups.keys()]], [['a'], ['b']]);
    assert.deepEqual([[...first.individuals.keys()], [...west.individuals.keys()]], [['gw-2'], ['gw-1', 'gw-3']]);
  });

  it('of an instance that the deployment does not have are an error that says so', async () => {
    const { all } = twoInstances();
    await assert.rejects(all.enroll([await individual('gw-1', 'north')]), {
      code: 'setting-invalid',
      message: /"north"/,
    });
  });

  it('are written in one instance when the other one fails, and the error is thrown then', async () => {
    const { first, west } = twoInstances();
    west.enroll = async () => Promise.reject(new FleetError('unavailable', 'west is away'));
    const failing = enrollmentsByInstance(
      new Map([
        ['default', first],
        ['west', west],
      ]),
      {
        ofGroup: async () => 'west',
        ofDevices: async () => new Map(),
        ofRecords: async () => new Map(),
      },
    );
    await assert.rejects(failing.enroll([await individual('gw-1', 'west'), await individual('gw-2')]), /west is away/);
    assert.deepEqual([...first.individuals.keys()], ['gw-2']);
  });

  it('close a device in every instance that may know it, and it counts as closed when all are', async () => {
    const { first, west, all } = twoInstances({ moved: ['west', 'default'], stayed: ['west'] });
    assert.equal((await all.close('moved', 'mark', change))?.disabled, true);
    assert.equal((await all.close('stayed', 'mark', change))?.disabled, true);
    assert.deepEqual([...first.entries.individuals.keys()], ['moved']);
    assert.deepEqual([...west.entries.individuals.keys()], ['moved', 'stayed']);
    first.entries.individuals.delete('moved');
    assert.equal(await all.enrollment('moved'), undefined, 'it is open in one of them');
    await all.open('moved', 'enabled', change);
    assert.equal(west.entries.individuals.has('moved'), false);
  });

  it('close a device that is not known in every instance', async () => {
    const { first, west, all } = twoInstances();
    await all.close('unknown', 'mark', change);
    assert.ok(first.entries.individuals.has('unknown') && west.entries.individuals.has('unknown'));
  });

  it('close the devices of the instance that answers', async () => {
    const west = createMemoryEnrollments();
    west.closeAll = async () => Promise.reject(new FleetError('unavailable', 'west is away'));
    const first = createMemoryEnrollments();
    const half = enrollmentsByInstance(
      new Map([
        ['default', first],
        ['west', west],
      ]),
      {
        ofGroup: async () => undefined,
        ofDevices: async () =>
          new Map([
            ['here', ['default']],
            ['there', ['west']],
          ]),
        ofRecords: async () => new Map(),
      },
    );
    const doors = ['here', 'there'].map((deviceId) => ({ deviceId, mark: 'm', change, isNew: true }));
    const [here, there] = await half.closeAll(doors);
    assert.equal(here instanceof FleetError ? here.message : here?.disabled, true);
    assert.ok(there instanceof FleetError);
  });

  it('have the registration of the instance of the group, and name those of others', async () => {
    const { first, west, all } = twoInstances({ moved: ['west', 'default'] });
    const registration = (assignedHub: string) => [
      { deviceId: 'moved', registration: { status: 'assigned' as const, assignedHub } },
    ];
    first.registrations.set('line', registration('old-hub'));
    assert.equal(await all.registration('moved'), undefined);
    west.registrations.set('line', registration('new-hub'));
    assert.equal((await all.registration('moved'))?.assignedHub, 'new-hub');
    const hubs = (await all.registrationsOf('moved')).map(({ assignedHub }) => assignedHub);
    assert.deepEqual(hubs, ['new-hub', 'old-hub']);
    await all.deleteRegistration('moved');
    assert.deepEqual(await all.registrationsOf('moved'), []);
  });
});

describe('the DPS instances of a device', () => {
  it('are that of its group first, then those of groups that it was in, also of deleted ones', async () => {
    const devices = createMemoryDeviceStore();
    const groups = createMemoryGroupStore();
    const at = someTime.toISOString();
    const record = { issuingCas: [], createdAt: at, updatedAt: at };
    await groups.create({ id: 'a', definition: someGroup('a'), ...record });
    await groups.create({ id: 'b', definition: someGroup('b', { dps: 'west' }), ...record, formerDps: ['east'] });
    await devices.create([
      someDevice({ id: 'stayed', enrollmentGroup: 'a' }),
      someDevice({ id: 'moved', enrollmentGroup: 'b', formerGroups: ['a'] }),
      someDevice({ id: 'lost', enrollmentGroup: 'c' }),
    ]);
    const places = createDpsPlaces({ devices, groups });
    const found = await places.ofDevices(['stayed', 'moved', 'lost', 'unknown']);
    assert.deepEqual(Object.fromEntries(found), { stayed: ['default'], moved: ['west', 'east', 'default'] });
    assert.equal(await places.ofGroup('b'), 'west');
    assert.equal(await places.ofGroup('c'), undefined);
  });
});

describe('the setting dps of a group', () => {
  it('names an instance of the deployment, and stays', async () => {
    using world = createWorld();
    const unknown = { code: 'group-invalid', message: /dps.*expected default/ };
    await assert.rejects(world.declare('line7', { keyCustody: 'plain', dps: 'west' }), unknown);
    await world.declare('line7', { keyCustody: 'plain', dps: 'default' });
    await world.declare('line7', { keyCustody: 'plain' });
  });
});

it('a rate limiter is asked for every operation of a call', async () => {
  let asked = 0;
  const limiter = {
    async acquire(operations: number) {
      asked += operations;
    },
  };
  const limited = limitedEnrollments(createMemoryEnrollments(), limiter);
  await limited.enroll([await individual('gw-1'), await individual('gw-2')]);
  assert.equal(asked, 2);
  await limited.close('gw-1', 'mark', change);
  assert.equal(asked, 5);
});
