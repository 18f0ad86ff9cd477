import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readArchiveIndex } from '../../../lib/bundle/archive.ts';
import { formerIdentities } from '../../../lib/devices/certificates.ts';
import type { HubTwins } from '../../../lib/enrollment/enrollments.ts';
import { deleteDevice } from '../../../lib/pipeline/delete-device.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

const individual = { keyCustody: 'plain', enrollment: 'individual' } as const;
const group = { keyCustody: 'plain' } as const;

async function openWorld(definition: typeof individual | typeof group): Promise<World> {
  const world = createWorld();
  await world.declare('line7', definition);
  await submit(world);
  return world;
}

async function submit(world: World, text = 'deviceId\ngw-1\ngw-2\n'): Promise<string> {
  const jobId = await world.upload('line7/list.csv', text);
  await world.settle();
  return jobId;
}

const recordOf = (world: World, id: string) => world.devices.records.get(id) ?? assert.fail();
const enrollmentOf = (world: World, id: string) => world.enrollments.entries.individuals.get(id);

function register(world: World, deviceId: string, status: 'assigned' | 'assigning' = 'assigned'): void {
  const hub = status === 'assigned' ? { assignedHub: 'hub.azure-devices.net' } : {};
  world.enrollments.registrations.set('line7', [{ deviceId, registration: { status, ...hub } }]);
}

/** A hub with one device. @returns the ports, and which devices were removed */
function withHub(world: World, held: 'removed' | 'other' = 'removed') {
  const removed: string[] = [];
  const twins: HubTwins = {
    merge: async () => {},
    async remove(_hub, deviceId) {
      if (held === 'removed') removed.push(deviceId);
      return held;
    },
  };
  return { ports: { ...world.services(), twins }, removed };
}

async function isErased(world: World, id: string): Promise<boolean> {
  const [archive] = [...world.bundles.blobs.values()];
  const entries = readArchiveIndex<{ deviceId: string }>(archive ?? assert.fail());
  const entry = entries.find(({ info }) => info.deviceId === id) ?? assert.fail();
  return archive?.subarray(entry.offset, entry.offset + entry.length).every((byte) => byte === 0) ?? assert.fail();
}

describe('deleting a device that never registered', () => {
  it('removes its enrollment and its bundle, and keeps its certificate as revoked', async () => {
    using world = await openWorld(individual);
    const { identity, serialNumber } = recordOf(world, 'gw-1');
    await deleteDevice('gw-1', 'Ann', world.services());
    const record = recordOf(world, 'gw-1');
    assert.deepEqual([record.status, record.deletion?.by, record.bundle], ['deleted', 'Ann', undefined]);
    assert.deepEqual([record.identity, record.serialNumber], [identity, serialNumber]);
    assert.deepEqual(record.history.at(-1)?.detail, `by Ann, certificate ${serialNumber} revoked`);
    assert.equal(enrollmentOf(world, 'gw-1'), undefined);
    assert.ok(await isErased(world, 'gw-1'));
    // Its neighbour in the archive is as it was.
    assert.ok(enrollmentOf(world, 'gw-2') !== undefined && !(await isErased(world, 'gw-2')));
    assert.ok((await downloadBundle('gw-2', 'Ann', world.services())).body.length > 0);
    await assert.rejects(downloadBundle('gw-1', 'Ann', world.services()), { code: 'bundle-unavailable' });
  });

  it('is done once, whichever call was interrupted', async () => {
    for (const definition of [individual, group]) {
      let cut = true;
      for (let call = 1; cut; call++) {
        using world = await openWorld(definition);
        await downloadBundle('gw-1', 'Bob', world.services());
        world.interruptAfter(call);
        cut = await deleteDevice('gw-1', 'Ann', world.services()).then(
          () => false,
          (error: unknown) => error instanceof Interruption,
        );
        world.interruptAfter(Number.POSITIVE_INFINITY);
        if (cut) {
          const isDone = recordOf(world, 'gw-1').status === 'deleted';
          // Nothing else happens to it meanwhile.
          await submit(world, 'deviceId,tags.site\ngw-1,berlin\n');
          await reconcileRegistrations(world.services());
          if (!isDone) await deleteDevice('gw-1', 'Carl', world.services());
        }
        const { status, deletion, history } = recordOf(world, 'gw-1');
        if (status === 'deleted') {
          assert.ok(['Ann', 'Carl'].includes(deletion?.by ?? ''), `cut after call ${call}`);
          assert.equal(history.filter(({ event }) => event === 'deleted').length, 1);
          assert.ok(await isErased(world, 'gw-1'));
          const mark = enrollmentOf(world, 'gw-1')?.mark;
          assert.equal(mark, definition === group ? deletion?.block : undefined, `cut after call ${call}`);
        } else {
          // The last call had deleted it, and the row has made it again.
          assert.equal(status, 'provisioned', `cut after call ${call}`);
          assert.equal(history.filter(({ event }) => event === 'deleted').length, 1);
        }
      }
    }
  });

  it('blocks it in its enrollment group when its bundle was downloaded, and only then', async () => {
    using world = await openWorld(group);
    await downloadBundle('gw-1', 'Bob', world.services());
    await deleteDevice('gw-1', 'Ann', world.services());
    await deleteDevice('gw-2', 'Ann', world.services());
    assert.equal(enrollmentOf(world, 'gw-1')?.mark, recordOf(world, 'gw-1').deletion?.block);
    assert.equal(enrollmentOf(world, 'gw-1')?.attestation, 'symmetricKey');
    assert.equal(enrollmentOf(world, 'gw-2'), undefined);
  });

  for (const definition of [individual, group]) {
    const kind = definition === group ? 'group' : 'individual';
    it(`frees its id: a later row makes it again, as another device (${kind})`, async () => {
      using world = await openWorld(definition);
      await downloadBundle('gw-1', 'Bob', world.services());
      const { serialNumber } = recordOf(world, 'gw-1');
      await deleteDevice('gw-1', 'Ann', world.services());
      const jobId = await submit(world);
      assert.deepEqual((await world.job(jobId)).counts.provisioned, 1);
      const again = recordOf(world, 'gw-1');
      assert.deepEqual([again.status, again.deletion], ['provisioned', undefined]);
      assert.notEqual(again.serialNumber, serialNumber);
      const [former] = formerIdentities(again);
      assert.deepEqual([former?.serialNumber, former?.state], [serialNumber, 'revoked']);
      assert.ok(again.history.some(({ event, detail }) => event === 'deleted' && detail?.startsWith('by Ann')));
      const held = enrollmentOf(world, 'gw-1')?.thumbprints[0];
      assert.equal(held, definition === group ? undefined : again.identity?.sha256Thumbprint);
    });
  }

  it('works for one that failed, and leaves the enrollment of someone else', async () => {
    using world = createWorld();
    await world.declare('line7', individual);
    const theirs = {
      etag: '"x"',
      createdAt: '2026-01-01T00:00:00Z',
      attestation: 'x509',
      thumbprints: [],
      caReferences: [],
    };
    world.enrollments.entries.individuals.set('gw-1', theirs);
    register(world, 'gw-1');
    await submit(world);
    assert.equal(recordOf(world, 'gw-1').failure?.code, 'enrollment-exists');
    await deleteDevice('gw-1', 'Ann', world.services());
    assert.equal(recordOf(world, 'gw-1').status, 'deleted');
    assert.deepEqual(enrollmentOf(world, 'gw-1'), theirs);
    assert.ok(await world.enrollments.registration('gw-1'));
  });

  it('changes nothing when it is repeated', async () => {
    using world = await openWorld(individual);
    await deleteDevice('gw-1', 'Ann', world.services());
    const record = recordOf(world, 'gw-1');
    assert.deepEqual(await deleteDevice('gw-1', 'Bob', world.services()), record);
    assert.deepEqual(recordOf(world, 'gw-1'), record);
  });
});

describe('a device is not deleted', () => {
  it('when it is assigned, or was before it was provisioned again', async () => {
    using world = await openWorld(group);
    register(world, 'gw-1');
    await reconcileRegistrations(world.services());
    await assert.rejects(deleteDevice('gw-1', 'Ann', world.services()), { code: 'method-conflict' });
    await world.upload('line7/list.csv', 'deviceId\ngw-1\n', { onconflict: 'reissue' });
    await world.settle();
    assert.equal(recordOf(world, 'gw-1').status, 'provisioned');
    await assert.rejects(deleteDevice('gw-1', 'Ann', world.services()), /was assigned to hub\.azure-devices\.net/);
  });

  it('when DPS has assigned it and its record does not say so yet', async () => {
    using world = await openWorld(group);
    register(world, 'gw-1');
    await assert.rejects(deleteDevice('gw-1', 'Ann', world.services()), /is assigned to hub\.azure-devices\.net/);
    assert.equal(recordOf(world, 'gw-1').status, 'provisioned');
  });

  it('while a job works on it', async () => {
    using world = createWorld();
    await world.declare('line7', individual);
    await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
    await world.queue.shift()?.run();
    await world.queue.shift()?.run();
    await assert.rejects(deleteDevice('gw-1', 'Ann', world.services()), { code: 'method-conflict' });
    await world.settle();
    assert.equal(recordOf(world, 'gw-1').status, 'provisioned');
  });

  it('when there is none', async () => {
    using world = createWorld();
    await assert.rejects(deleteDevice('gw-1', 'Ann', world.services()), { code: 'not-found' });
  });
});

describe('a device that registers while it is deleted', () => {
  /** The device registers after DPS was asked whether it has, and before it is closed. */
  function registersInBetween(world: World, status: 'assigned' | 'assigning' = 'assigned') {
    const { registrationsOf } = world.enrollments;
    world.enrollments.registrationsOf = async (id) => {
      world.enrollments.registrationsOf = registrationsOf;
      const answer = await registrationsOf(id);
      register(world, 'gw-1', status);
      return answer;
    };
  }

  it('loses its identity in the hub and its registration', async () => {
    using world = await openWorld(individual);
    registersInBetween(world);
    const { ports, removed } = withHub(world);
    await deleteDevice('gw-1', 'Ann', ports);
    assert.deepEqual(removed, ['gw-1']);
    assert.equal(await world.enrollments.registration('gw-1'), undefined);
    assert.equal(recordOf(world, 'gw-1').status, 'deleted');
  });

  it('is deleted by a repeated request when DPS is still assigning it', async () => {
    using world = await openWorld(individual);
    registersInBetween(world, 'assigning');
    const { ports, removed } = withHub(world);
    await assert.rejects(deleteDevice('gw-1', 'Ann', ports), { code: 'concurrent-change' });
    assert.equal(recordOf(world, 'gw-1').status, 'deleting');
    register(world, 'gw-1');
    await deleteDevice('gw-1', 'Ann', ports);
    assert.deepEqual(removed, ['gw-1']);
    assert.equal(recordOf(world, 'gw-1').status, 'deleted');
  });

  it('leaves a device of the hub that has another credential', async () => {
    using world = await openWorld(individual);
    registersInBetween(world);
    await deleteDevice('gw-1', 'Ann', withHub(world, 'other').ports);
    assert.ok(await world.enrollments.registration('gw-1'));
    assert.equal(recordOf(world, 'gw-1').status, 'deleted');
  });
});
