import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DelegatedCa } from '../../../lib/authorities/delegated-ca.ts';
import { blockDelegatedCa } from '../../../lib/pipeline/block-delegated-ca.ts';
import { createDriftDetector } from '../../../lib/pipeline/detect-drift.ts';
import { settleDelegatedCas } from '../../../lib/pipeline/settle-delegated-cas.ts';
import { someDelegatedCa } from '../../contract/delegated-ca-store.ts';
import { makeCertificate } from '../../infra/emulators/dps/certificates.ts';
import { createMemoryFleetReader } from '../../memory/fleet-reader.ts';
import { createWorld } from '../../world.ts';

const asked = { by: 'Ada (1)', reason: 'memory was read' };
const certificatePem = (await makeCertificate({ name: 'line7 delegated', ca: true })).pem;

/** A fleet with one delegated CA, and a clock that a test moves. */
async function withCa(more: Partial<DelegatedCa> = {}) {
  let time = new Date('2026-11-28T09:30:00.000Z');
  const world = createWorld({ now: () => time });
  const ca = someDelegatedCa({ certificatePem, ...more });
  await world.delegatedCas.create(ca);
  const group = `blocked-ca-${ca.id}`;
  return {
    ...{ world, ca, group },
    set: (iso: string) => {
      time = new Date(iso);
    },
    block: () => blockDelegatedCa(ca.id, asked, world.services()),
    settle: () => settleDelegatedCas(world.services()),
    record: async () => (await world.delegatedCas.read(ca.id))?.value,
    inDps: () => world.enrollments.entries.groups.get(group),
    /** Looks at the groups of DPS, as a sweep does. */
    look: async () => {
      const services = world.services();
      const { items } = await createMemoryFleetReader(world.enrollments).groups();
      const groups = new Map(items.map((each) => [each.id, each]));
      return createDriftDetector(services)({ of: 'groups', at: time.toISOString(), groups });
    },
    [Symbol.dispose]: () => world[Symbol.dispose](),
  };
}

describe('blocking a delegated CA', () => {
  it('marks its record, and closes DPS by a disabled group on it', async () => {
    using fleet = await withCa();
    const { blocked } = await fleet.block();
    const at = '2026-11-28T09:30:00.000Z';
    assert.deepEqual(blocked, { ...asked, at, inDps: { enrollmentGroup: fleet.group, at } });
    assert.equal(fleet.inDps()?.disabled, true);
    assert.deepEqual(await fleet.record(), { ...fleet.ca, blocked });
  });

  it('changes nothing when it is repeated, and keeps who was first', async () => {
    using fleet = await withCa();
    const first = await fleet.block();
    const etag = fleet.inDps()?.etag;
    assert.deepEqual(
      await blockDelegatedCa(fleet.ca.id, { by: 'Bob', reason: 'me too' }, fleet.world.services()),
      first,
    );
    assert.equal(fleet.inDps()?.etag, etag);
  });

  it('makes no group for a CA that was never signed, or has ended', async () => {
    using unsigned = await withCa({ certificatePem: undefined });
    assert.equal((await unsigned.block()).blocked?.inDps, undefined);
    using over = await withCa({ notAfter: '2026-11-28T09:00:00.000Z' });
    assert.equal((await over.block()).blocked?.inDps, undefined);
    assert.deepEqual([unsigned.inDps(), over.inDps()], [undefined, undefined]);
  });

  it('is refused for a CA without a record', async () => {
    using fleet = await withCa();
    await assert.rejects(blockDelegatedCa('00', asked, fleet.world.services()), { code: 'not-found' });
  });

  it('is finished by the timer when it is cut after any call', async () => {
    for (let call = 1; call <= 5; call++) {
      using fleet = await withCa();
      fleet.world.interruptAfter(call);
      await assert.rejects(fleet.block(), /after/, `call ${call}`);
      const isMarked = (await fleet.record())?.blocked !== undefined;
      await fleet.settle();
      assert.equal((await fleet.record())?.blocked?.inDps !== undefined, isMarked, `call ${call}`);
      assert.equal(fleet.inDps()?.disabled, isMarked ? true : undefined, `call ${call}`);
    }
  });

  it('stays marked when DPS refuses the group, and the timer tries again', async () => {
    using fleet = await withCa();
    const other = (await makeCertificate({ name: 'another', ca: true })).pem;
    await fleet.world.enrollments.closeCa({ id: fleet.group, certificatePem: other });
    await assert.rejects(fleet.block(), { code: 'group-exists' });
    assert.deepEqual(await fleet.settle(), { lost: 0, closed: 0, removed: 0 });
    assert.equal((await fleet.record())?.blocked?.by, asked.by);
    fleet.world.enrollments.entries.groups.delete(fleet.group);
    assert.deepEqual(await fleet.settle(), { lost: 0, closed: 1, removed: 0 });
    assert.deepEqual(await fleet.settle(), { lost: 0, closed: 0, removed: 0 });
  });
});

describe('the end of delegated CAs', () => {
  it('is noted as lost when the worker did not note it, some minutes after it could sign last', async () => {
    using fleet = await withCa();
    fleet.set('2026-11-28T10:04:59.000Z');
    assert.equal((await fleet.settle()).lost, 0);
    fleet.set('2026-11-28T10:05:01.000Z');
    assert.equal((await fleet.settle()).lost, 1);
    assert.deepEqual((await fleet.record())?.ended, { at: '2026-11-28T10:05:01.000Z', reason: 'lost' });
    assert.equal((await fleet.settle()).lost, 0);
  });

  it('is noted for a blocked one, too', async () => {
    using fleet = await withCa();
    await fleet.block();
    fleet.set('2026-11-28T11:00:00.000Z');
    assert.equal((await fleet.settle()).lost, 1);
    assert.equal((await fleet.record())?.ended?.reason, 'lost');
  });

  it('removes the group from DPS after the last certificate of the CA has ended', async () => {
    using fleet = await withCa();
    await fleet.block();
    fleet.set('2027-11-28T10:04:00.000Z');
    assert.equal((await fleet.settle()).removed, 0);
    fleet.set('2027-11-28T10:06:00.000Z');
    assert.equal((await fleet.settle()).removed, 1);
    assert.equal(fleet.inDps(), undefined);
    assert.equal((await fleet.record())?.blocked?.inDps?.removedAt, '2027-11-28T10:06:00.000Z');
    assert.deepEqual(await fleet.settle(), { lost: 0, closed: 0, removed: 0 });
  });

  it('leaves a group of that name that was made elsewhere', async () => {
    using fleet = await withCa();
    await fleet.block();
    fleet.world.enrollments.entries.groups.delete(fleet.group);
    const other = (await makeCertificate({ name: 'another', ca: true })).pem;
    await fleet.world.enrollments.closeCa({ id: fleet.group, certificatePem: other });
    fleet.set('2027-11-29T00:00:00.000Z');
    await fleet.settle();
    assert.ok(fleet.inDps());
  });
});

describe('a sweep', () => {
  it('finds that the group of a block is gone or enabled, and blocks the CA again', async () => {
    using fleet = await withCa();
    await fleet.block();
    const found = () => fleet.world.findings.all().map(({ kind, subject, state }) => [kind, subject.id, state]);
    fleet.set('2026-11-28T09:31:00.000Z');
    assert.deepEqual(await fleet.look(), { opened: 0, gone: 0, repaired: 0 });
    const { groups } = fleet.world.enrollments.entries;
    const closed = fleet.inDps();
    assert.ok(closed);
    const { disabled: _disabled, ...enabled } = closed;
    for (const [minute, tampered] of [
      ['32', () => groups.delete(fleet.group)],
      ['34', () => groups.set(fleet.group, enabled)],
    ] as const) {
      tampered();
      fleet.set(`2026-11-28T09:${minute}:00.000Z`);
      assert.deepEqual(await fleet.look(), { opened: 1, gone: 0, repaired: 1 });
      assert.equal(fleet.inDps()?.disabled, true);
      assert.deepEqual(found(), [['ca-block-missing', fleet.ca.id, 'repaired']]);
      fleet.set(`2026-11-28T09:${Number(minute) + 1}:00.000Z`);
      assert.deepEqual(await fleet.look(), { opened: 0, gone: 1, repaired: 0 });
    }
  });

  it('knows the group of a block, and looks no more once the CA has ended', async () => {
    using fleet = await withCa();
    await fleet.block();
    fleet.set('2027-11-29T00:00:00.000Z');
    await fleet.settle();
    assert.equal((await fleet.look()).opened, 0);
    assert.deepEqual(fleet.world.findings.all(), []);
  });
});
