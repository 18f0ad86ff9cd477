import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readQuotas } from '../../../lib/pipeline/quotas.ts';
import { noFigures, type SweepState, writeSweepState } from '../../../lib/pipeline/sweep-state.ts';
import { assertEvery } from '../../assert-every.ts';
import { someDevice } from '../../factories.ts';
import { createMemoryDpsCaStore } from '../../memory/dps-cas.ts';
import { createWorld, type World } from '../../world.ts';

const began = '2026-11-27T03:00:00.000Z';
const figures = { ...noFigures, groups: 12, enrollments: 30, registrations: 900 };

async function quotasAfter(world: World, state?: SweepState, dpsCas = createMemoryDpsCaStore()) {
  const ports = { ...world.services(), dpsCas, dpsInstances: ['default'] };
  if (state !== undefined) await writeSweepState(ports.reports, state);
  return readQuotas(ports);
}

const latest = { began, endedAt: '2026-11-27T03:10:00.000Z', figures };

describe('quotas', () => {
  it('are not known before the first sweep, and before an operator asked DPS', async () => {
    using world = createWorld();
    assert.deepEqual(await quotasAfter(world), []);
  });

  it('are what the latest sweep counted, beside the limits', async () => {
    using world = createWorld();
    const hubs = { 'a.azure-devices.net': 800, 'b.azure-devices.net': null };
    const quotas = await quotasAfter(world, { places: {}, latest: { ...latest, hubs } });
    assert.deepEqual(
      quotas.map(({ name, hub, used, limit }) => [name, hub, used, limit]),
      [
        ['dpsGroups', undefined, 12, 100],
        ['dpsEnrollments', undefined, 30, 1_000_000],
        ['dpsRegistrations', undefined, 900, 1_000_000],
        ['hubIdentities', 'a.azure-devices.net', 800, 1_000_000],
        // It did not answer.
        ['hubIdentities', 'b.azure-devices.net', undefined, 1_000_000],
      ],
    );
    assertEvery(quotas, ({ observedAt }) => observedAt === began);
  });

  it('count assigned devices with individual enrollments as registrations, since DPS has no list of them', async () => {
    using world = createWorld();
    await world.declare('single', { keyCustody: 'plain', enrollment: 'individual' });
    await world.declare('many', { keyCustody: 'plain' });
    await world
      .services()
      .devices.create([
        someDevice({ id: 'a', enrollmentGroup: 'single', status: 'assigned' }),
        someDevice({ id: 'b', enrollmentGroup: 'single', status: 'provisioned' }),
        someDevice({ id: 'c', enrollmentGroup: 'many', status: 'assigned' }),
      ]);
    const quotas = await quotasAfter(world, { places: {}, latest });
    assert.equal(quotas.find(({ name }) => name === 'dpsRegistrations')?.used, 901);
  });

  it('have the CA certificates that an operator saw, with the time', async () => {
    using world = createWorld();
    const dpsCas = createMemoryDpsCaStore();
    const seenAt = '2026-11-20T09:00:00.000Z';
    await dpsCas.keep({ seenAt, certificates: [{ name: 'root', sha1Thumbprint: 'A'.repeat(40), isVerified: true }] });
    const [cas] = await quotasAfter(world, undefined, dpsCas);
    assert.deepEqual([cas?.name, cas?.used, cas?.limit, cas?.observedAt], ['dpsCaCertificates', 1, 25, seenAt]);
  });
});
