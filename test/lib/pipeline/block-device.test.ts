import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readArchiveIndex } from '../../../lib/bundle/archive.ts';
import type { BlockKind } from '../../../lib/devices/block.ts';
import { type BlockPorts, blockDevice, restoreDevice } from '../../../lib/pipeline/block-device.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import { continueFleetAct } from '../../../lib/pipeline/fleet-acts.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { scrapDevice } from '../../../lib/pipeline/scrap-device.ts';
import { continueBlock, resumeBlocks } from '../../../lib/pipeline/settle-block.ts';
import type { Issued } from '../../../lib/pipeline/steps/issue.ts';
import { assertEvery } from '../../assert-every.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

const hub = 'hub.azure-devices.net';
const [individual, group] = [
  { keyCustody: 'plain', enrollment: 'individual' } as const,
  { keyCustody: 'plain' } as const,
];
const ann = { by: 'Ann', reason: 'stolen' };

/** A world with a clock, and gw-1 and gw-2 assigned to a hub. */
async function openWorld(definition: typeof individual | typeof group = group) {
  let time = someTime.getTime();
  const world = createWorld({ now: () => new Date(time) });
  await world.declare('line7', definition);
  await submit(world, 'deviceId\ngw-1\ngw-2\n');
  register(world, 'gw-1', 'gw-2');
  await reconcileRegistrations(world.services());
  return Object.assign(world, {
    pass: (seconds: number) => {
      time += seconds * 1000;
    },
    now: () => time,
  });
}
type Fleet = Awaited<ReturnType<typeof openWorld>>;

async function submit(world: World, text: string, metadata: Record<string, string> = {}): Promise<string> {
  const jobId = await world.upload('line7/list.csv', text, metadata);
  await world.settle();
  return jobId;
}

function register(world: World, ...deviceIds: string[]): void {
  const registration = { status: 'assigned', assignedHub: hub } as const;
  world.enrollments.registrations.set(
    'line7',
    deviceIds.map((deviceId) => ({ deviceId, registration })),
  );
  for (const deviceId of deviceIds) world.identities.devices.set(`${hub}/${deviceId}`, { status: 'enabled' });
}

/** The device asks DPS while its enrollment is disabled: DPS notes that, and does not say to which hub it was assigned. */
function refuse(world: World, deviceId: string): void {
  world.enrollments.registrations.set('line7', [{ deviceId, registration: { status: 'disabled' } }]);
}

const recordOf = (world: World, id = 'gw-1') => world.devices.records.get(id) ?? assert.fail();
const enrollmentOf = (world: World, id = 'gw-1') => world.enrollments.entries.individuals.get(id);
const identityOf = (world: World, id = 'gw-1') => world.identities.devices.get(`${hub}/${id}`);

/** Whether DPS would let the device register. */
const mayRegister = (world: World, definition: typeof individual | typeof group) => {
  const entry = enrollmentOf(world);
  return entry === undefined ? definition === group : entry.disabled === undefined;
};

/** Delivers the messages of blocked devices until none is left, each when its time has come. */
async function settleAll(world: Fleet): Promise<void> {
  for (let rounds = 0; rounds < 20; rounds++) {
    world.pass(600);
    await resumeBlocks(world.services());
    const messages = world.blockMessages.splice(0);
    if (messages.length === 0) return;
    for (const message of messages) {
      if ('actId' in message) await continueFleetAct(message.actId, world.services());
      else await continueBlock(message.deviceId, world.services());
    }
  }
  assert.fail('the blocks do not settle');
}

function assertClosed(world: Fleet, kind: BlockKind, definition: typeof individual | typeof group, what = ''): void {
  const record = recordOf(world);
  assert.equal(record.status, kind, what);
  assert.deepEqual(Object.keys(record.block?.doors ?? {}).sort(), ['bundle', 'enrollment', 'hub', 'record', 'renewal']);
  assert.equal(record.block?.notYet, undefined, what);
  assert.equal(mayRegister(world, definition), false, what);
  assert.notEqual(identityOf(world)?.status, 'enabled', what);
}

describe('suspending, revoking and scrapping a device', () => {
  for (const [name, definition] of [
    ['group', group],
    ['individual enrollment', individual],
  ] as const) {
    it(`closes every door, and looks again after a minute (${name})`, async () => {
      using world = await openWorld(definition);
      const before = recordOf(world);
      const record = await blockDevice('gw-1', 'revoked', ann, world.services());
      assertClosed(world, 'revoked', definition);
      assert.deepEqual(record, recordOf(world));
      assert.equal(record.block?.from, 'assigned');
      assert.equal(identityOf(world)?.statusReason, record.block?.mark);
      assertEvery(record.certificates, ({ state }) => state === 'revoked');
      assert.deepEqual([recordOf(world, 'gw-2').status, identityOf(world, 'gw-2')?.status], ['assigned', 'enabled']);
      assert.ok(record.block?.lookAgainAt);
      await settleAll(world);
      assertClosed(world, 'revoked', definition);
      assert.equal(recordOf(world).block?.lookAgainAt, undefined);
      // What was signed stays on record.
      assert.equal(recordOf(world).serialNumber, before.serialNumber);
    });

    it(`is undone by a restore, in reverse (${name})`, async () => {
      using world = await openWorld(definition);
      const { bundle } = recordOf(world);
      await blockDevice('gw-1', 'suspended', ann, world.services());
      assertClosed(world, 'suspended', definition);
      const record = await restoreDevice('gw-1', { by: 'Bob', reason: 'found' }, world.services());
      assert.deepEqual([record.status, record.bundle], ['assigned', bundle]);
      assert.ok(mayRegister(world, definition));
      assert.equal(identityOf(world)?.status, 'enabled');
      await settleAll(world);
      assert.equal(recordOf(world).block, undefined);
      assert.deepEqual(
        recordOf(world)
          .history.map(({ event }) => event)
          .slice(-4),
        ['suspending', 'suspended', 'restoring', 'restored'],
      );
    });

    it(`ends the same whichever call was interrupted (${name})`, async () => {
      for (const kind of ['suspended', 'revoked', 'scrapped'] as const) {
        let cut = true;
        for (let call = 1; cut; call++) {
          using world = await openWorld(definition);
          world.interruptAfter(call);
          cut = await interrupted(blockDevice('gw-1', kind, ann, world.services()));
          world.interruptAfter(Number.POSITIVE_INFINITY);
          const what = `${kind}, cut after call ${call}`;
          // Nothing is called closed before it is.
          if (recordOf(world).status === kind) assertClosed(world, kind, definition, what);
          if (recordOf(world).block === undefined) await blockDevice('gw-1', kind, ann, world.services());
          await assert.rejects(downloadBundle('gw-1', 'Bob', world.services()), /device "gw-1" was/i, what);
          await settleAll(world);
          assertClosed(world, kind, definition, what);
          assert.equal(recordOf(world).history.filter(({ event }) => event === kind).length, 1, what);
        }
      }
    });

    it(`is restored whichever call was interrupted (${name})`, async () => {
      let cut = true;
      for (let call = 1; cut; call++) {
        using world = await openWorld(definition);
        await blockDevice('gw-1', 'suspended', ann, world.services());
        world.interruptAfter(call);
        cut = await interrupted(restoreDevice('gw-1', ann, world.services()));
        world.interruptAfter(Number.POSITIVE_INFINITY);
        const what = `cut after call ${call}`;
        // The record opens last.
        const { status } = recordOf(world);
        if (status === 'assigned')
          assert.ok(mayRegister(world, definition) && identityOf(world)?.status === 'enabled', what);
        if (status === 'suspended') await restoreDevice('gw-1', ann, world.services());
        await settleAll(world);
        assert.deepEqual([recordOf(world).status, recordOf(world).block], ['assigned', undefined], what);
        assert.ok(mayRegister(world, definition) && identityOf(world)?.status === 'enabled', what);
      }
    });

    it(`a revocation that comes between any two calls of a restore wins (${name})`, async () => {
      let reached = true;
      for (let call = 1; reached; call++) {
        using world = await openWorld(definition);
        await blockDevice('gw-1', 'suspended', ann, world.services());
        const ports = pausing(world.services(), call, async () => {
          await blockDevice('gw-1', 'revoked', { by: 'Carl', reason: 'lost' }, world.services());
        });
        const restore = restoreDevice('gw-1', ann, ports.services);
        await restore.catch((error: { code?: string }) => assert.equal(error.code, 'device-revoked'));
        reached = ports.reached();
        if (!reached) break;
        const what = `revoked before call ${call}`;
        assert.notEqual(recordOf(world).status, 'assigned', what);
        if (recordOf(world).status === 'revoked') assertClosed(world, 'revoked', definition, what);
        await settleAll(world);
        assertClosed(world, 'revoked', definition, what);
      }
    });
  }

  it('a device that registers between the block and its hub is found by the second look', async () => {
    using world = await openWorld();
    await blockDevice('gw-1', 'revoked', ann, world.services());
    const { value, etag } = (await world.devices.read(['gw-1'])).get('gw-1') ?? assert.fail();
    const { outbox = [], owedSince: _owedSince, ...announced } = value;
    assert.deepEqual(
      outbox.map(({ type }) => type),
      ['fleet.device.assigned', 'fleet.device.revoked'],
    );
    // Its event is sent.
    await world.devices.replace([{ value: announced, etag }]);
    // DPS had accepted the registration before it was closed, and writes the identity now.
    world.identities.devices.set(`${hub}/gw-1`, { status: 'enabled' });
    await settleAll(world);
    assertClosed(world, 'revoked', group);
    const { history, outbox: owed = [] } = recordOf(world);
    assert.ok(history.some(({ event }) => event === 'door found open'));
    // Another event of the same act would have the same id, and other content.
    assert.deepEqual(owed, []);
  });

  for (const kind of ['suspended', 'revoked', 'scrapped'] as const) {
    it(`is ${kind} at its hub, although DPS names the hub no more, whichever call was interrupted`, async () => {
      let cut = true;
      for (let call = 1; cut; call++) {
        using world = await openWorld();
        await submit(world, 'deviceId\ngw-9\n');
        // The timer has not seen the registration yet, so only DPS knows the hub.
        register(world, 'gw-9');
        world.interruptAfter(call);
        cut = await interrupted(blockDevice('gw-9', kind, ann, world.services()));
        world.interruptAfter(Number.POSITIVE_INFINITY);
        if (enrollmentOf(world, 'gw-9') !== undefined) refuse(world, 'gw-9');
        if (recordOf(world, 'gw-9').block === undefined) await blockDevice('gw-9', kind, ann, world.services());
        await settleAll(world);
        assert.equal(recordOf(world, 'gw-9').status, kind, `cut after call ${call}`);
        assert.notEqual(identityOf(world, 'gw-9')?.status, 'enabled', `cut after call ${call}`);
      }
    });
  }

  it('is restored at its hub, although DPS names the hub no more', async () => {
    using world = await openWorld();
    await submit(world, 'deviceId\ngw-9\n');
    register(world, 'gw-9');
    for (let times = 0; times < 2; times++) {
      await blockDevice('gw-9', 'suspended', ann, world.services());
      refuse(world, 'gw-9');
      assert.equal(identityOf(world, 'gw-9')?.status, 'disabled');
      await restoreDevice('gw-9', ann, world.services());
      assert.equal(identityOf(world, 'gw-9')?.status, 'enabled');
      await settleAll(world);
    }
  });

  it('is not called revoked while DPS assigns the device, or a door does not close', async () => {
    using world = await openWorld();
    world.enrollments.registrations.set('line7', [{ deviceId: 'gw-1', registration: { status: 'assigning' } }]);
    const record = await blockDevice('gw-1', 'revoked', ann, world.services());
    assert.equal(record.status, 'closing');
    assert.match(record.block?.notYet?.hub ?? '', /is assigning/);
    assert.ok(record.block?.doors.enrollment);
    register(world, 'gw-1');
    await settleAll(world);
    assertClosed(world, 'revoked', group);
  });

  it('says which enrollment is in the way, leaves it, and closes the hub all the same', async () => {
    using world = await openWorld();
    const theirs = { etag: '"x"', createdAt: '2026-01-01', attestation: 'x509', thumbprints: ['AB'], caReferences: [] };
    world.enrollments.entries.individuals.set('gw-1', theirs);
    const record = await blockDevice('gw-1', 'revoked', ann, world.services());
    assert.equal(record.status, 'closing');
    assert.match(record.block?.notYet?.enrollment ?? '', /enabled enrollment "gw-1".*attestation x509/);
    assert.equal(identityOf(world)?.status, 'disabled');
    assert.deepEqual(enrollmentOf(world), theirs);
    world.enrollments.entries.individuals.delete('gw-1');
    await settleAll(world);
    assertClosed(world, 'revoked', group);
  });

  it('asks DPS and the hub once per step, however many messages the step has', async () => {
    using world = await openWorld();
    const theirs = { etag: '"x"', createdAt: '2026-01-01', attestation: 'x509', thumbprints: ['AB'], caReferences: [] };
    world.enrollments.entries.individuals.set('gw-1', theirs);
    await blockDevice('gw-1', 'revoked', ann, world.services());
    let asked = 0;
    const { registrationsOf } = world.enrollments;
    world.enrollments.registrationsOf = (id) => {
      asked += 1;
      return registrationsOf(id);
    };
    for (const steps of [1, 2]) {
      world.pass(300);
      for (let messages = 0; messages < 5; messages++) await continueBlock('gw-1', world.services());
      // Before DPS is closed, and after: it can have assigned the device in between.
      assert.equal(asked, 2 * steps);
    }
  });

  it('leaves a door closed that someone else closed, and says so', async () => {
    using world = await openWorld();
    world.identities.devices.set(`${hub}/gw-1`, { status: 'disabled', statusReason: 'maintenance' });
    await blockDevice('gw-1', 'suspended', ann, world.services());
    assertClosed(world, 'suspended', group);
    const { history, status } = await restoreDevice('gw-1', ann, world.services());
    assert.equal(status, 'assigned');
    assert.match(history.at(-1)?.detail ?? '', /stays disabled at hub.*maintenance/);
    assert.equal(identityOf(world)?.statusReason, 'maintenance');
  });

  it('refuses reissue, bundle and twin with a code that says what to do', async () => {
    using world = await openWorld();
    for (const [kind, code] of [
      ['suspended', 'device-suspended'],
      ['revoked', 'device-revoked'],
    ] as const) {
      await blockDevice('gw-1', kind, ann, world.services());
      await assert.rejects(downloadBundle('gw-1', 'Bob', world.services()), { code });
      const jobId = await submit(world, 'deviceId,tags.a\ngw-1,b\n', { onconflict: 'reissue' });
      const { counts } = await world.job(jobId);
      assert.deepEqual([counts.failed, counts.rejected], code === 'device-suspended' ? [1, 0] : [0, 1]);
      assert.equal(recordOf(world).block?.kind, kind);
    }
    await assert.rejects(restoreDevice('gw-1', ann, world.services()), { code: 'device-revoked' });
    await assert.rejects(blockDevice('gw-1', 'suspended', ann, world.services()), { code: 'device-revoked' });
    await assert.rejects(restoreDevice('gw-2', ann, world.services()), { code: 'method-conflict' });
  });

  it('keeps when the certificate of an earlier version was issued, so its registration counts after a restore', async () => {
    using world = await openWorld();
    await submit(world, 'deviceId\ngw-5\n');
    const { value, etag } = (await world.devices.read(['gw-5'])).get('gw-5') ?? assert.fail();
    const { certificates: _certificates, ...earlier } = value;
    await world.devices.replace([{ value: earlier, etag }]);
    world.pass(600);
    const registration = { status: 'assigned', assignedHub: hub, at: new Date(world.now()).toISOString() } as const;
    world.enrollments.registrations.set('line7', [{ deviceId: 'gw-5', registration }]);
    world.pass(600);
    await blockDevice('gw-5', 'suspended', ann, world.services());
    await restoreDevice('gw-5', ann, world.services());
    await reconcileRegistrations(world.services());
    assert.deepEqual([recordOf(world, 'gw-5').status, recordOf(world, 'gw-5').certificates?.length], ['assigned', 1]);
  });

  it('changes nothing when it is repeated', async () => {
    using world = await openWorld();
    const first = await blockDevice('gw-1', 'suspended', ann, world.services());
    assert.deepEqual(await blockDevice('gw-1', 'suspended', { by: 'Bob', reason: 'again' }, world.services()), first);
  });
});

describe('a device that a job provisions', () => {
  for (const definition of [group, individual]) {
    it(`is revoked between any two calls of its chunk (${definition === group ? 'group' : 'individual'})`, async () => {
      let reached = true;
      for (let call = 1; reached; call++) {
        using world = await openWorld(definition);
        const jobId = await world.upload('line7/list.csv', 'deviceId,tags.a\ngw-1,b\n', { onconflict: 'reissue' });
        reached = await settlingWith(world, call, async () => {
          await blockDevice('gw-1', 'revoked', ann, world.services());
        });
        if (!reached) break;
        await settleAll(world);
        const what = `revoked at call ${call}`;
        assertClosed(world, 'revoked', definition, what);
        const { counts } = await world.job(jobId);
        assert.equal(counts.provisioned + counts.rejected + counts.failed, 1, what);
        await assert.rejects(downloadBundle('gw-1', 'Bob', world.services()), { code: 'device-revoked' }, what);
      }
    });
  }

  for (const [what, definition, list, metadata] of [
    ['new, group', group, 'deviceId\ngw-9\n', {}],
    ['new, individual', individual, 'deviceId\ngw-9\n', {}],
    ['issued again, group', group, 'deviceId,tags.a\ngw-1,b\n', { onconflict: 'reissue' }],
    ['issued again, individual', individual, 'deviceId,tags.a\ngw-1,b\n', { onconflict: 'reissue' }],
    ['deleted before, group', group, 'deviceId,tags.a\ngw-9,b\n', {}],
    ['deleted before, individual', individual, 'deviceId,tags.a\ngw-9,b\n', {}],
    ['adopted, individual', individual, 'deviceId,tags.a\ngw-1,b\n', { onconflict: 'reissue', adopt: 'true' }],
  ] as const) {
    it(`stays closed whenever it is revoked, and its chunk goes on late (${what})`, async () => {
      const id = list.includes('gw-9') ? 'gw-9' : 'gw-1';
      let [reached, revoked] = [true, 0];
      for (let call = 1; reached; call++) {
        using world = await openWorld(definition);
        if (what.startsWith('deleted')) await submitAndDelete(world, id);
        await world.upload('line7/list.csv', list, metadata);
        let isRevoked = false;
        world.pauseAfter(call, async () => {
          const { status } = world.devices.records.get(id) ?? {};
          if (status === undefined || status === 'deleted') return;
          isRevoked = true;
          await blockDevice(id, 'revoked', ann, world.services());
          await settleAll(world);
        });
        await deliverAll(world);
        reached = world.hasPaused();
        if (!reached || !isRevoked) continue;
        revoked += 1;
        assert.equal(recordOf(world, id).status, 'revoked', `revoked at call ${call}`);
        assert.equal(enrollmentOf(world, id)?.disabled, true, `DPS is open, revoked at call ${call}`);
      }
      assert.ok(revoked > 5, `${revoked} runs with a revocation`);
    });
  }

  for (const [what, definition, list, metadata] of [
    ['new, group', group, 'deviceId\ngw-9\n', {}],
    ['new, individual', individual, 'deviceId\ngw-9\n', {}],
    ['issued again, group', group, 'deviceId,tags.a\ngw-1,b\n', { onconflict: 'reissue' }],
    ['issued again, individual', individual, 'deviceId,tags.a\ngw-1,b\n', { onconflict: 'reissue' }],
  ] as const) {
    for (const kind of ['revoked', 'scrapped'] as const) {
      it(`names every committed certificate, and scrapping erases its bundle (${kind} at any call, ${what})`, async () => {
        const id = list.includes('gw-9') ? 'gw-9' : 'gw-1';
        let [reached, unused] = [true, 0];
        for (let call = 1; reached; call++) {
          using world = await openWorld(definition);
          const jobId = await world.upload('line7/list.csv', list, metadata);
          let isBlocked = false;
          world.pauseAfter(call, async () => {
            if (world.devices.records.get(id)?.status === undefined) return;
            isBlocked = true;
            await blockDevice(id, kind, ann, world.services());
            if (call % 2 === 0) await settleAll(world);
          });
          await deliverAll(world);
          reached = world.hasPaused();
          if (!reached || !isBlocked) continue;
          await settleAll(world);
          if (kind === 'revoked') {
            await blockDevice(id, 'scrapped', ann, world.services());
            await settleAll(world);
          }
          const archive = await world.bundles.read(`${jobId}/chunk-00000.zip`);
          if (archive === undefined) continue;
          const [entry] = readArchiveIndex<Issued>(archive);
          assert.ok(entry);
          const where = `${kind} at call ${call}`;
          const { certificates = [], formerCertificateNames = [], ...record } = recordOf(world, id);
          const own = certificates.find(({ sha256Thumbprint }) => sha256Thumbprint === entry.info.sha256Thumbprint);
          assert.deepEqual([own?.serialNumber, own?.state], [entry.info.serialNumber, 'revoked'], where);
          const isPresent = record.identity?.sha256Thumbprint === entry.info.sha256Thumbprint;
          const isFound = formerCertificateNames.includes(entry.info.sha256Thumbprint.toLowerCase());
          assert.ok(isPresent || isFound, where);
          const bundle = archive.subarray(entry.offset, entry.offset + entry.length);
          assertEvery(bundle, (byte) => byte === 0, `the bundle is left, ${where}`);
          if (own?.unusedBundle !== undefined) unused += 1;
        }
        // A new device in a group is not known before it has its certificate, so nobody can block it before.
        assert.equal(unused > 0, what !== 'new, group', `${unused} runs had an unused bundle`);
      });
    }
  }

  it('fails its row, and a retry after the restore provisions it', async () => {
    using world = await openWorld();
    const claim = { jobId: 'a'.repeat(24), chunk: 0, line: 9, attempt: 1 };
    await world.devices.create([someDevice({ id: 'gw-9', status: 'failed', claim })]);
    const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-9\n');
    await world.queue.shift()?.run();
    // The record of the earlier row is taken over by then.
    world.failOn('create', world.bundles);
    const chunk = world.queue[0] ?? assert.fail();
    await assert.rejects(chunk.run(), Interruption);
    await blockDevice('gw-9', 'suspended', ann, world.services());
    await world.settle();
    assert.equal((await world.job(jobId)).counts.failed, 1);
    await restoreDevice('gw-9', ann, world.services());
    assert.deepEqual(
      [recordOf(world, 'gw-9').status, recordOf(world, 'gw-9').failure?.code],
      ['failed', 'device-suspended'],
    );
  });
});

describe('scrapping a device', () => {
  it('removes what it left, keeps its block, and frees its id when its certificates have ended', async () => {
    using world = await openWorld();
    const removed: string[] = [];
    const twins = {
      merge: async () => {},
      async remove(_hub: string, id: string) {
        removed.push(id);
        return 'removed' as const;
      },
    };
    const ports = { ...world.services(), twins };
    await assert.rejects(scrapDevice('gw-1', { by: 'Ann', reason: undefined }, ports), { code: 'method-conflict' });
    await scrapDevice('gw-1', ann, ports);
    assertClosed(world, 'scrapped', group);
    assert.deepEqual(removed, ['gw-1']);
    assert.equal(await world.enrollments.registration('gw-1'), undefined);
    assert.equal((await world.job(await submit(world, 'deviceId\ngw-1\n'))).counts.rejected, 1);
    await settleAll(world);
    world.pass(400 * 86_400);
    assert.equal((await world.job(await submit(world, 'deviceId,tags.n\ngw-1,1\n'))).counts.provisioned, 1);
    assert.equal(enrollmentOf(world), undefined);
    assert.deepEqual([recordOf(world).status, recordOf(world).block], ['provisioned', undefined]);
  });

  it('frees the id of a device that was deleted before, and keeps the block of its deletion until then', async () => {
    using world = await openWorld();
    await submitAndDelete(world, 'gw-9');
    assert.ok(enrollmentOf(world, 'gw-9')?.mark);
    // The next row of the id fails, and leaves a device without a certificate.
    const { value, etag } = (await world.devices.read(['gw-9'])).get('gw-9') ?? assert.fail();
    const failure = { code: 'gave-up', message: '' } as const;
    await world.devices.replace([{ value: { ...value, status: 'failed', failure }, etag }]);
    await blockDevice('gw-9', 'suspended', ann, world.services());
    const { history } = await restoreDevice('gw-9', ann, world.services());
    assert.match(history.at(-1)?.detail ?? '', /Earlier certificates/);
    assert.equal(enrollmentOf(world, 'gw-9')?.disabled, true);
    await settleAll(world);
    assert.equal((await world.job(await submit(world, 'deviceId,tags.a\ngw-9,c\n'))).counts.provisioned, 1);
    assert.equal(enrollmentOf(world, 'gw-9'), undefined);
  });

  it('does not delete a device that is suspended between its look and its mark', async () => {
    using world = await openWorld();
    await submit(world, 'deviceId\ngw-5\n');
    for (let call = 1; recordOf(world, 'gw-5').status === 'provisioned'; call++) {
      world.pauseAfter(call, async () => {
        const { status } = recordOf(world, 'gw-5');
        if (status === 'provisioned') await blockDevice('gw-5', 'suspended', ann, world.services());
      });
      const scrap = scrapDevice('gw-5', ann, world.services());
      await scrap.catch((error: { code?: string }) => assert.equal(error.code, 'concurrent-change'));
      assert.match(recordOf(world, 'gw-5').status, /suspended|scrapped/, `suspended at call ${call}`);
      await restoreDevice('gw-5', ann, world.services()).catch(() => {});
      if (call > 3) break;
    }
  });

  it('deletes a device that never reached a hub, without a reason, as before', async () => {
    using world = await openWorld();
    await submit(world, 'deviceId\ngw-5\n');
    assert.equal((await scrapDevice('gw-5', { by: 'Ann', reason: undefined }, world.services())).status, 'deleted');
  });
});

/** @returns whether the work ended with an interruption */
const interrupted = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => false,
    (error: unknown) => {
      if (error instanceof Interruption) return true;
      throw error;
    },
  );

/** Ports that do something else before their n-th call. */
function pausing(services: BlockPorts & ReturnType<World['services']>, call: number, then: () => Promise<void>) {
  let calls = 0;
  const wrap = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property);
        if (typeof member !== 'function') return member;
        return async (...given: unknown[]) => {
          calls += 1;
          if (calls === call) await then();
          return member.apply(target, given.map(pausable));
        };
      },
    });
  /** What a port calls back is a call too: it comes between the read and the write of the port. */
  const pausable = (given: unknown): unknown => {
    if (typeof given !== 'object' || given === null || !('mayWrite' in given)) return given;
    const { mayWrite } = given as { mayWrite: () => Promise<boolean> };
    return {
      ...given,
      async mayWrite() {
        const may = await mayWrite();
        calls += 1;
        if (calls === call) await then();
        return may;
      },
    };
  };
  const { devices, enrollments, identities, blockQueue } = services;
  return {
    services: {
      ...services,
      ...{ devices: wrap(devices), enrollments: wrap(enrollments) },
      ...{ identities: wrap(identities), blockQueue: wrap(blockQueue) },
    },
    reached: () => calls >= call,
  };
}

/** Delivers the queue, and does something else when the n-th call of any port has taken effect. @returns whether that came */
async function settlingWith(world: World, call: number, then: () => Promise<void>): Promise<boolean> {
  world.interruptAfter(call);
  for (let delivery = world.queue.shift(); delivery !== undefined; delivery = world.queue.shift()) {
    if (!(await interrupted(delivery.run()))) continue;
    await then();
    world.queue.unshift(delivery);
    await world.settle();
    return true;
  }
  world.interruptAfter(Number.POSITIVE_INFINITY);
  return false;
}

/** Deletes a device whose bundle was downloaded, so DPS blocks it. */
async function submitAndDelete(world: World, id: string): Promise<void> {
  await submit(world, `deviceId\n${id}\n`);
  await downloadBundle(id, 'Bob', world.services());
  await scrapDevice(id, { by: 'Ann', reason: undefined }, world.services());
  assert.equal(recordOf(world, id).status, 'deleted');
}

/** Delivers the queue. A message whose device has changed meanwhile comes again. */
async function deliverAll(world: World): Promise<void> {
  let again = 0;
  for (let delivery = world.queue.shift(); delivery !== undefined; delivery = world.queue.shift()) {
    try {
      await delivery.run();
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'concurrent-change');
      again += 1;
      assert.ok(again < 5, 'the message does not end');
      world.queue.unshift(delivery);
    }
  }
}
