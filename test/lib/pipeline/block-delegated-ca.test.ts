import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DelegatedCa } from '../../../lib/authorities/delegated-ca.ts';
import { certificatesOf } from '../../../lib/devices/certificates.ts';
import { FleetError } from '../../../lib/errors.ts';
import { jobErrors } from '../../../lib/jobs/reports.ts';
import { blockDelegatedCa } from '../../../lib/pipeline/block-delegated-ca.ts';
import { createDriftDetector } from '../../../lib/pipeline/detect-drift.ts';
import { devicesOfCa, reissueListOfCa } from '../../../lib/pipeline/devices-of-ca.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { settleDelegatedCas } from '../../../lib/pipeline/settle-delegated-cas.ts';
import { fenceIssuances } from '../../../lib/pipeline/steps/fence.ts';
import { assertEvery } from '../../assert-every.ts';
import { someDelegatedCa } from '../../contract/delegated-ca-store.ts';
import { makeCertificate } from '../../infra/emulators/dps/certificates.ts';
import { createMemoryFleetReader } from '../../memory/fleet-reader.ts';
import { createWorld, type World } from '../../world.ts';

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
      return createDriftDetector(services)({ of: 'groups', at: time.toISOString(), groups, dps: 'default' });
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
    await fleet.world.enrollments.closeCa({ id: fleet.group, certificatePem: other, enrollmentGroup: 'line7' });
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
    await fleet.world.enrollments.closeCa({ id: fleet.group, certificatePem: other, enrollmentGroup: 'line7' });
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

describe('chunks in work while their delegated CA is blocked', () => {
  /** Devices that would have to be issued again. */
  const listed = async (world: World) => {
    const pages = world.delegatedCas
      .all()
      .filter(({ blocked }) => blocked !== undefined)
      .map((ca) => devicesOfCa(ca, { size: 100 }, world));
    return (await Promise.all(pages)).flatMap(({ items }) => items.map(({ record }) => record.id)).sort();
  };

  /** Delivers again what failed because something changed. */
  async function settle(world: World): Promise<void> {
    for (let delivery = world.queue.shift(); delivery !== undefined; delivery = world.queue.shift()) {
      try {
        await delivery.run();
      } catch (error) {
        if (!(error instanceof FleetError) || !error.retry) throw error;
        world.queue.unshift(delivery);
      }
    }
  }

  it('leave no device with a certificate of it that the list of the block lacks, whichever call the block meets', async () => {
    const seen = { listed: 0, takenBack: 0, issuedAgain: 0 };
    for (let call = 1, paused = true; paused; call++) {
      using world = createWorld();
      await world.declare('line7', { keyCustody: 'plain', issuance: 'delegated' });
      const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\ngw-2\ngw-3\n');
      let atBlock: string[] = [];
      world.pauseAfter(call, async () => {
        const [ca] = world.delegatedCas.all();
        if (ca === undefined) return;
        await blockDelegatedCa(ca.id, asked, world.services());
        atBlock = await listed(world);
      });
      await settle(world);
      paused = world.hasPaused();
      const missed = (await listed(world)).filter((id) => !atBlock.includes(id));
      assert.deepEqual(missed, [], `after call ${call}`);
      const { counts } = await world.job(jobId);
      assert.equal(counts.provisioned + counts.failed, 3, `after call ${call}`);
      seen.listed += Number(atBlock.length > 0);
      seen.takenBack += Number(counts.failed > 0);
      seen.issuedAgain += Number(world.delegatedCas.all().length > 1);
      if (counts.failed === 0) continue;
      const errors = await Array.fromAsync(jobErrors(jobId, world.services()));
      assert.deepEqual([...new Set(errors.map(({ code }) => code))], ['ca-removed']);
      await retryJob(await world.job(jobId), world.services());
      await settle(world);
      assert.equal((await world.job(jobId)).counts.provisioned, 3, `after call ${call}`);
      assert.deepEqual(await listed(world), []);
    }
    assert.ok(seen.listed > 0 && seen.takenBack > 0 && seen.issuedAgain > 0, JSON.stringify(seen));
  });

  it('drop its key, so that the next chunk of the worker makes another CA', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain', issuance: 'delegated' });
    const worker = world.services();
    const group = (await worker.groups.directory()).get('line7');
    assert.ok(group);
    await worker.groups.ensure(group);
    const opened = await worker.openIssuance(await worker.groups.latest('line7'));
    const id = opened.delegatedCa?.id ?? '';
    const issuances = new Map([['line7', opened]]);
    await fenceIssuances(issuances, worker);
    await blockDelegatedCa(id, asked, worker);
    await assert.rejects(fenceIssuances(issuances, worker), { code: 'concurrent-change' });
    assert.equal((await world.delegatedCas.read(id))?.value.ended?.reason, 'blocked');
    const next = await worker.openIssuance(await worker.groups.latest('line7'));
    assert.notEqual(next.delegatedCa?.id, id);
    await fenceIssuances(new Map([['line7', next]]), worker);
  });

  it('of its group are written as rows for a job that issues them again', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain', issuance: 'delegated' });
    await world.upload('line7/list.csv', 'deviceId,tags.site\ngw-1,berlin\ngw-2,paris\n');
    await world.settle();
    const [ca] = world.delegatedCas.all();
    assert.ok(ca);
    await blockDelegatedCa(ca.id, asked, world.services());
    assert.deepEqual(await listed(world), ['gw-1', 'gw-2']);
    const rows = (await Array.fromAsync(reissueListOfCa(ca, world.services()))).join('');
    assert.match(rows, /^{"deviceId":"gw-1","enrollmentGroup":"line7","tags":{"site":"berlin"}.*\n.*gw-2.*\n$/);
    await world.upload('line7/again.ndjson', rows, { onconflict: 'reissue' });
    await world.settle();
    assert.deepEqual(await listed(world), []);
    const serials = [...world.devices.records.values()].map((record) => certificatesOf(record)[0]?.delegatedCa);
    assertEvery(serials, (serial) => serial !== undefined && serial !== ca.id);
  });
});
