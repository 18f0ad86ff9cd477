import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createCertificateAuthority } from '../../../lib/authorities/certificate-authority.ts';
import { createGroups } from '../../../lib/enrollment/groups.ts';
import { FleetError } from '../../../lib/errors.ts';
import { enrollmentRevision, type GroupRecord, inForce } from '../../../lib/groups/group.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { createSoftwareKeyStore } from '../../../lib/pki/software-key-store.ts';
import { createMemoryAudit } from '../../memory/audit.ts';
import { createMemoryEnrollments } from '../../memory/enrollments.ts';
import { createMemoryGroupStore } from '../../memory/group-store.ts';
import { createWorld, Interruption, noTwins, type World } from '../../world.ts';

const before = { keyCustody: 'plain' } as const;
const after = { keyCustody: 'plain', provisioningStatus: 'disabled' } as const;

const recordOf = async (world: World): Promise<GroupRecord> =>
  (await world.groupStore.read('line7'))?.value ?? assert.fail();
const statusInDps = (world: World) => world.enrollments.groups.get('line7')?.definition.provisioningStatus;

async function reconcile(world: World): Promise<void> {
  await reconcileRegistrations({ ...world.services(), twins: noTwins });
}

describe('a declared group', () => {
  it('reaches DPS as declared, whichever call was interrupted', async () => {
    // A declaration makes fewer than 12 calls.
    for (let call = 1; call <= 12; call++) {
      using world = createWorld();
      world.interruptAfter(call);
      await world.declare('line7', before).catch((error: unknown) => assert.ok(error instanceof Interruption));
      // If nothing was stored, DPS must not have the group either.
      if ((await world.groupStore.read('line7')) === undefined) assert.equal(statusInDps(world), undefined);
      else {
        world.interruptAfter(Number.POSITIVE_INFINITY);
        await reconcile(world);
        assert.equal(statusInDps(world), 'enabled', `cut after call ${call}`);
        const group = await recordOf(world);
        assert.equal(group.enrolled?.revision, enrollmentRevision(group));
        assert.equal(group.issuingCas.length, 1);
      }
    }
  });

  it('is sent to DPS again when a worker with an older definition overwrote it there', async () => {
    using world = createWorld();
    await world.declare('line7', before);
    const older = world.enrollments.groups.get('line7') ?? assert.fail();
    const { ensureGroup } = world.enrollments;
    world.enrollments.ensureGroup = async (group, mayWrite) => {
      const written = await ensureGroup(group, mayWrite);
      world.enrollments.ensureGroup = ensureGroup;
      // The other worker is the last to write to DPS, and the first to record that.
      await ensureGroup(older, async () => {});
      const stored = (await world.groupStore.read('line7')) ?? assert.fail();
      const enrolled = { revision: stored.value.enrolled?.revision ?? '', at: '2026-11-24T00:00:01.000Z' };
      await world.groupStore.replace({ ...stored, value: { ...stored.value, enrolled } });
      return written;
    };
    await world.declare('line7', after);
    await reconcile(world);
    assert.equal(statusInDps(world), 'disabled');
    const group = await recordOf(world);
    assert.equal(group.enrolled?.revision, enrollmentRevision(group));
  });
});

describe('a definition that DPS refuses', () => {
  const refused = { keyCustody: 'device', initialTwin: { tags: { site: 'refused' } } } as const;

  /** DPS refuses this one definition from now on. @returns how often it was asked */
  function refuse(world: World) {
    const asked = { times: 0 };
    const { ensureGroup } = world.enrollments;
    world.enrollments.ensureGroup = async (group, mayWrite) => {
      if (group.definition.initialTwin.tags['site'] !== 'refused') return ensureGroup(group, mayWrite);
      asked.times += 1;
      throw new FleetError('group-refused', 'DPS refused the enrollment group: 400004 No such hub.');
    };
    return asked;
  }

  it('is on the group with the reason, and later rows are provisioned by what worked', async () => {
    using world = createWorld();
    await world.declare('line7', before);
    const asked = refuse(world);
    await assert.rejects(world.declare('line7', refused), { code: 'group-refused' });
    const group = await recordOf(world);
    assert.equal(group.definition.keyCustody, 'device');
    assert.match(group.refusal?.reason.message ?? '', /No such hub/);
    assert.equal(inForce(group).definition.keyCustody, 'plain');

    const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
    await world.settle();
    await reconcile(world);
    assert.equal((await world.job(jobId)).counts.provisioned, 1);
    assert.equal(asked.times, 1, 'DPS is not asked again per chunk');
    assert.equal(world.enrollments.groups.get('line7')?.definition.keyCustody, 'plain');
  });

  it('is asked again when it is declared again, and gives way to one that DPS accepts', async () => {
    using world = createWorld();
    await world.declare('line7', before);
    const asked = refuse(world);
    await assert.rejects(world.declare('line7', refused), { code: 'group-refused' });
    await assert.rejects(world.declare('line7', refused), { code: 'group-refused' });
    assert.equal(asked.times, 2);
    await world.declare('line7', after);
    const group = await recordOf(world);
    assert.deepEqual([group.accepted, group.refusal], [undefined, undefined]);
    assert.equal(inForce(group).definition.provisioningStatus, 'disabled');
  });

  it('keeps its reason when nothing was in force before, and fails its rows with it', async () => {
    using world = createWorld();
    refuse(world);
    const first = { ...refused, keyCustody: 'plain' } as const;
    await assert.rejects(world.declare('line7', first), { code: 'group-refused' });
    assert.match((await recordOf(world)).refusal?.reason.message ?? '', /No such hub/);
    const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
    await world.settle();
    assert.equal((await world.job(jobId)).counts.failed, 1);
    assert.equal(world.devices.records.get('gw-1')?.failure?.code, 'group-refused');
  });

  it('leaves what worked in force, whichever call was interrupted, until DPS has accepted another one', async () => {
    for (let call = 1; call <= 12; call++) {
      using world = createWorld();
      await world.declare('line7', before);
      world.interruptAfter(call);
      await world.declare('line7', after).catch((error: unknown) => assert.ok(error instanceof Interruption));
      world.interruptAfter(Number.POSITIVE_INFINITY);
      const inDps = statusInDps(world);
      const cut = await recordOf(world);
      // Before DPS is asked, the old definition is in force; DPS may have the new one a moment before the store says so.
      if (inDps === 'enabled') assert.equal(inForce(cut).definition.provisioningStatus, 'enabled', `cut ${call}`);
      await reconcile(world);
      const group = await recordOf(world);
      assert.equal(inForce(group).definition.provisioningStatus, statusInDps(world), `cut after call ${call}`);
    }
  });
});

describe('a rollover', () => {
  /** Groups on memory. `whileSigning` runs once, while the next issuing CA is being made. */
  function open(t: TestContext) {
    const directory = mkdtempSync(join(tmpdir(), 'rollover-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const store = createMemoryGroupStore();
    const now = () => new Date();
    const keys = createSoftwareKeyStore({ directory });
    const authority = createCertificateAuthority({
      keys,
      groups: store,
      rootName: 'Test root CA',
      audit: createMemoryAudit(),
      now,
    });
    const parts = { store, enrollments: createMemoryEnrollments(), allowPlainKeys: true, now };
    const retry = { maxWaitSeconds: 0, sleep: async () => {} };
    const world = { store, signed: 0, whileSigning: async () => {} };
    const counting: typeof authority = {
      ...authority,
      async createIssuingCa(...given) {
        world.signed += 1;
        const { whileSigning } = world;
        world.whileSigning = async () => {};
        await whileSigning();
        return authority.createIssuingCa(...given);
      },
    };
    const groups = createGroups({ ...parts, retry, authority: counting });
    const otherProcess = createGroups({ ...parts, retry, authority });
    return Object.assign(world, { groups, otherProcess });
  }
  const generationsOf = ({ issuingCas }: GroupRecord) => issuingCas.map(({ generation }) => generation);

  it('makes one CA although the group is changed meanwhile', async (t) => {
    const world = open(t);
    const { group } = await world.groups.declare('line7', before);
    const [ca] = group.issuingCas;
    world.signed = 0;
    world.whileSigning = async () => {
      await world.otherProcess.noteRegistration('line7', ca ?? assert.fail(), 'line7-1');
    };
    const rolledOver = await world.groups.rollOver('line7');
    assert.deepEqual(generationsOf(rolledOver.group), [2, 1]);
    assert.equal(rolledOver.group.issuingCas[1]?.registration?.name, 'line7-1');
    assert.equal(world.signed, 1);
  });

  it('makes its CA again for a definition that changed meanwhile', async (t) => {
    const world = open(t);
    await world.groups.declare('line7', before);
    world.signed = 0;
    world.whileSigning = async () => {
      await world.otherProcess.declare('line7', after);
    };
    assert.deepEqual(generationsOf((await world.groups.rollOver('line7')).group), [2, 1]);
    assert.equal(world.signed, 2);
  });

  it('gives way to another rollover that comes first', async (t) => {
    const world = open(t);
    await world.groups.declare('line7', before);
    world.whileSigning = async () => {
      await world.otherProcess.rollOver('line7');
    };
    await assert.rejects(world.groups.rollOver('line7'), { code: 'method-conflict' });
    const stored = (await world.store.read('line7')) ?? assert.fail();
    assert.deepEqual(generationsOf(stored.value), [2, 1]);
  });
});
