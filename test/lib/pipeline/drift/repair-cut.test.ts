import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Finding, findingId } from '../../../../lib/findings/finding.ts';
import { definitionOf, type FindingKind, findingKinds } from '../../../../lib/findings/kinds.ts';
import { blockDelegatedCa } from '../../../../lib/pipeline/block-delegated-ca.ts';
import { blockDevice } from '../../../../lib/pipeline/block-device.ts';
import { reconcileRegistrations } from '../../../../lib/pipeline/reconcile-registrations.ts';
import { repairFinding } from '../../../../lib/pipeline/repair-finding.ts';
import { someDelegatedCa } from '../../../contract/delegated-ca-store.ts';
import { someTime } from '../../../factories.ts';
import { makeCertificate } from '../../../infra/emulators/dps/certificates.ts';
import { createWorld, Interruption, type World } from '../../../world.ts';

/* A repair is cut after each of its calls, and asked for again. The end is that of a repair that was not cut. */

const hub = 'hub.azure-devices.net';
const ann = { by: 'Ann', reason: 'seen' };
const device = { type: 'device', id: 'gw-1', enrollmentGroup: 'line7' } as const;
const ca = someDelegatedCa({ certificatePem: (await makeCertificate({ name: 'line7 delegated', ca: true })).pem });
const closing = `blocked-ca-${ca.id}`;
const group = { type: 'group', id: 'line7', enrollmentGroup: 'line7' } as const;

/** What somebody did, what was found, and whether it is undone. */
interface Case {
  readonly subject: Finding['subject'];
  readonly seen: Finding['seen'];
  edit(world: World): Promise<void> | void;
  isUndone(world: World): boolean;
}

const isBlocked = (world: World) => world.enrollments.entries.individuals.get('gw-1')?.disabled === true;
const isDisabled = (world: World) => world.identities.devices.get(`${hub}/gw-1`)?.status === 'disabled';
const isDeclared = (world: World) => {
  const found = world.enrollments.entries.groups.get('line7');
  return found !== undefined && found.disabled !== true && found.thumbprints.length > 0;
};

const cases: Partial<Record<FindingKind, Case>> = {
  'group-missing': {
    ...{ subject: group, seen: { inDps: false } },
    edit: (world) => void world.enrollments.entries.groups.delete('line7'),
    isUndone: isDeclared,
  },
  'block-missing': {
    ...{ subject: device, seen: { inDps: false } },
    async edit(world) {
      await blockDevice('gw-1', 'revoked', ann, world.services());
      world.enrollments.entries.individuals.delete('gw-1');
    },
    isUndone: (world) => isBlocked(world) && isDisabled(world),
  },
  'ca-block-missing': {
    ...{ subject: { type: 'ca', id: ca.id, enrollmentGroup: 'line7' }, seen: { inDps: false } },
    async edit(world) {
      await world.delegatedCas.create(ca);
      await blockDelegatedCa(ca.id, ann, world.services());
      world.enrollments.entries.groups.delete(closing);
    },
    isUndone: (world) => world.enrollments.entries.groups.get(closing)?.disabled === true,
  },
  'enabled-though-revoked': {
    ...{ subject: device, seen: { hub, status: 'enabled' } },
    async edit(world) {
      await blockDevice('gw-1', 'revoked', ann, world.services());
      world.identities.devices.set(`${hub}/gw-1`, { status: 'enabled' });
    },
    isUndone: (world) => isBlocked(world) && isDisabled(world),
  },
};

async function openWorld(found: Case, kind: FindingKind): Promise<{ world: World; id: string }> {
  const world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
  await world.settle();
  const registration = { status: 'assigned', assignedHub: hub } as const;
  world.enrollments.registrations.set('line7', [{ deviceId: 'gw-1', registration }]);
  world.identities.devices.set(`${hub}/gw-1`, { status: 'enabled' });
  await reconcileRegistrations(world.services());
  await found.edit(world);
  const { subject, seen } = found;
  const id = findingId(kind, subject);
  const at = someTime.toISOString();
  const times = { firstSeen: at, lastSeen: at, acts: [], digest: 'a'.repeat(16) };
  const { severity } = definitionOf(kind);
  await world.findings.create({ id, kind, subject, severity, state: 'open', expected: {}, seen, ...times });
  return { world, id };
}

const stateOf = async (world: World, id: string) => (await world.findings.read(id))?.value.state;

describe('a repair that is cut', () => {
  for (const [kind, found] of Object.entries(cases) as [FindingKind, Case][]) {
    it(`ends in the same state: ${kind}`, async () => {
      let cuts = 0;
      for (let call = 1, isCut = true; isCut; call++) {
        const { world, id } = await openWorld(found, kind);
        using _ = world;
        assert.equal(found.isUndone(world), false);
        world.interruptAfter(call);
        try {
          await repairFinding(id, ann, world.services());
          isCut = false;
        } catch (error) {
          assert.ok(error instanceof Interruption, String(error));
          cuts += 1;
        }
        world.interruptAfter(Number.POSITIVE_INFINITY);
        await repairFinding(id, ann, world.services());
        assert.deepEqual([found.isUndone(world), await stateOf(world, id)], [true, 'repaired'], `after call ${call}`);
      }
      assert.ok(cuts >= 3, `${cuts} cuts`);
    });
  }

  it('is tried for every kind that repairs itself', () => {
    const self = findingKinds.filter((kind) => definitionOf(kind).repair === 'self');
    assert.deepEqual(Object.keys(cases).sort(), [...self].sort());
  });
});
