import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createCertificateAuthority } from '../../../lib/authorities/certificate-authority.ts';
import { createGroups } from '../../../lib/enrollment/groups.ts';
import { enrollmentRevision, type GroupRecord } from '../../../lib/groups/group.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { createSoftwareKeyStore } from '../../../lib/pki/software-key-store.ts';
import { createMemoryEnrollments } from '../../memory/enrollments.ts';
import { createMemoryGroupStore } from '../../memory/group-store.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

const before = { keyCustody: 'plain' } as const;
const after = { keyCustody: 'plain', provisioningStatus: 'disabled' } as const;

const recordOf = async (world: World): Promise<GroupRecord> =>
  (await world.groupStore.read('line7'))?.value ?? assert.fail();
const statusInDps = (world: World) => world.enrollments.groups.get('line7')?.definition.provisioningStatus;

async function reconcile(world: World): Promise<void> {
  await reconcileRegistrations({ ...world.services(), twins: { merge: async () => {} } });
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
    world.enrollments.ensureGroup = async (group) => {
      await ensureGroup(group);
      world.enrollments.ensureGroup = ensureGroup;
      // The other worker is the last to write to DPS, and the first to record that.
      await ensureGroup(older);
      const stored = (await world.groupStore.read('line7')) ?? assert.fail();
      const enrolled = { revision: stored.value.enrolled?.revision ?? '', at: '2026-11-24T00:00:01.000Z' };
      await world.groupStore.replace({ ...stored, value: { ...stored.value, enrolled } });
    };
    await world.declare('line7', after);
    await reconcile(world);
    assert.equal(statusInDps(world), 'disabled');
    const group = await recordOf(world);
    assert.equal(group.enrolled?.revision, enrollmentRevision(group));
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
    const authority = createCertificateAuthority({ keys, groups: store, rootName: 'Test root CA', now });
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
