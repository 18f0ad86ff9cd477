import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { planRenewal } from '../../../lib/devices/renewal-plan.ts';
import { limitToGroups } from '../../../lib/pipeline/limit-to-groups.ts';
import { reissueList } from '../../../lib/pipeline/reissue-list.ts';
import { readRenewals } from '../../../lib/pipeline/renewals.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createWorld } from '../../world.ts';

const day = (days: number) => new Date(someTime.getTime() + days * 24 * 60 * 60 * 1000).toISOString();
const dayOf = (days: number) => day(days).slice(0, 10);

function identity(days: number) {
  const thumbprints = { sha1Thumbprint: 'A'.repeat(40), sha256Thumbprint: 'A'.repeat(64) };
  return { ...thumbprints, notBefore: day(days - 100), notAfter: day(days) };
}

/** A device of a certificate of 100 days that ends after `days`; it renews 20 days before, and is late 12 days before. */
function renewing(id: string, days: number, change: Partial<DeviceRecord> = {}): DeviceRecord {
  const own = identity(days);
  const renewal = planRenewal({ threshold: '80%', retry: '4%' }, own);
  return someDevice({ id, status: 'assigned', identity: own, renewal, ...change });
}

async function someFleet(world: ReturnType<typeof createWorld>) {
  await world.declare('line7', { keyCustody: 'plain' });
  await world.declare('line8', { keyCustody: 'plain', target: 'iotedge-1.1' });
  const byHand = (id: string, days: number, change: Partial<DeviceRecord> = {}) =>
    someDevice({ id, enrollmentGroup: 'line8', status: 'assigned', identity: identity(days), ...change });
  const twin = { tags: { site: 'essen' }, desired: { interval: 60 } };
  await world.devices.create([
    renewing('a1', 25),
    renewing('a2', 25),
    renewing('a3', 25, { status: 'provisioned' }),
    renewing('a4', 10),
    renewing('a5', 80, { unconfirmedSince: day(-1) }),
    byHand('b1', 20, { twin, writtenId: 'B1' }),
    byHand('b2', 29),
    byHand('b3', 31),
    byHand('b4', 20, { status: 'revoked' }),
  ]);
}

async function rowsOf(list: AsyncIterable<string>): Promise<unknown[]> {
  const text = (await Array.fromAsync(list)).join('');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
}

describe('the renewals', () => {
  it('are counted by group and day, and groups that cannot renew have a list', async () => {
    using world = createWorld();
    await someFleet(world);
    const report = await readRenewals({ past: 30, ahead: 30 }, world.services());
    const { from, until, observedAt, groups } = report;
    assert.deepEqual({ from, until, observedAt }, { from: dayOf(-30), until: dayOf(30), observedAt: day(0) });
    assert.deepEqual(groups, [
      {
        ...{ enrollmentGroup: 'line7', by: 'reissue', due: 3, waiting: 1, done: 0, late: 1, failed: 1 },
        days: [
          { day: dayOf(-10), due: 1, waiting: 0, done: 0 },
          { day: dayOf(5), due: 2, waiting: 1, done: 0 },
        ],
      },
      {
        ...{ enrollmentGroup: 'line8', by: 'reissue', due: 0, waiting: 0, done: 0, late: 0, failed: 0, days: [] },
        reissue: { enrollmentGroup: 'line8', devices: 2, earliest: day(20), before: day(30), needsCsr: false },
      },
    ]);
  });

  it('are those of the groups that the caller may see', async () => {
    using world = createWorld();
    await someFleet(world);
    const { groups } = await readRenewals({ past: 90, ahead: 90 }, limitToGroups(world.services(), ['line8']));
    assert.deepEqual(
      groups.map(({ enrollmentGroup, reissue }) => [enrollmentGroup, reissue?.devices]),
      [['line8', 2]],
    );
  });
});

describe('the list of devices that have to be issued again', () => {
  it('has what their rows had', async () => {
    using world = createWorld();
    await someFleet(world);
    const rows = await rowsOf(reissueList({ enrollmentGroup: 'line8', before: day(30) }, world.services()));
    assert.deepEqual(rows, [
      { deviceId: 'B1', enrollmentGroup: 'line8', tags: { site: 'essen' }, desired: { interval: 60 } },
      { deviceId: 'b2', enrollmentGroup: 'line8' },
    ]);
    assert.deepEqual(await rowsOf(reissueList({ enrollmentGroup: 'line7', before: day(300) }, world.services())), []);
  });

  it('asks for a csr where devices make their keys', async () => {
    using world = createWorld();
    await world.declare('line9', { keyCustody: 'device' });
    await world.devices.create([
      someDevice({ id: 'c1', enrollmentGroup: 'line9', status: 'assigned', identity: identity(5) }),
    ]);
    const rows = await rowsOf(reissueList({ enrollmentGroup: 'line9', before: day(30) }, world.services()));
    assert.deepEqual(rows, [{ deviceId: 'c1', enrollmentGroup: 'line9', csr: '' }]);
  });

  it('is refused for other groups, and where it is too long', async () => {
    using world = createWorld();
    await someFleet(world);
    const services = world.services();
    const list = (enrollmentGroup: string, ports = services) =>
      rowsOf(reissueList({ enrollmentGroup, before: day(30) }, ports));
    await assert.rejects(list('line6'), { code: 'not-found' });
    await assert.rejects(list('line7', { ...services, ...limitToGroups(services, ['line8']) }), { code: 'forbidden' });
    const countEnding = async () => [{ enrollmentGroup: 'line8', devices: 100_001, earliest: day(1) }];
    const many = { ...services, devices: { ...services.devices, countEnding } };
    await assert.rejects(list('line8', many), { code: 'request-invalid' });
  });
});
