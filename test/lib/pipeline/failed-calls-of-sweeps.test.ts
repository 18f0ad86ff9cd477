import type { DeviceRecord } from '../../../lib/devices/device.ts';
import type { ObservedIdentity } from '../../../lib/enrollment/observed.ts';
import { type Finding, findingId } from '../../../lib/findings/finding.ts';
import { definitionOf, type FindingKind, findingKinds } from '../../../lib/findings/kinds.ts';
import { blockDelegatedCa } from '../../../lib/pipeline/block-delegated-ca.ts';
import { blockDevice } from '../../../lib/pipeline/block-device.ts';
import { completeRollover } from '../../../lib/pipeline/complete-rollover.ts';
import { deleteDevice } from '../../../lib/pipeline/delete-device.ts';
import { createDriftDetector } from '../../../lib/pipeline/detect-drift.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import { noteFrequentRenewal } from '../../../lib/pipeline/note-frequent-renewal.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { acceptFinding, repairFinding } from '../../../lib/pipeline/repair-finding.ts';
import { settleDelegatedCas } from '../../../lib/pipeline/settle-delegated-cas.ts';
import { sweep } from '../../../lib/pipeline/sweep.ts';
import { warnOfExpiringCertificates } from '../../../lib/pipeline/warn-of-expiring-certificates.ts';
import { someDelegatedCa } from '../../contract/delegated-ca-store.ts';
import { someDevice, someTime } from '../../factories.ts';
import { makeCertificate } from '../../infra/emulators/dps/certificates.ts';
import { createMemoryFleetReader } from '../../memory/fleet-reader.ts';
import type { World } from '../../world.ts';
import { assigned, type Failing, failsWithEachCall, hub, provisioned, type UseCase } from './failing-ports.ts';

/* The work that nobody waits for: sweeps, findings and their repairs, the end of CAs; and the deletion of devices. */

const ann = { by: 'Ann', reason: 'stolen' };
const plain = { keyCustody: 'plain' } as const;
const at = someTime.toISOString();
const later = '2026-11-24T00:00:00.000Z';
const individual = (world: World) => world.declare('line7', { ...plain, enrollment: 'individual' });

/** Shows the devices of the world at their hub, as their records have them. */
function atHub(world: World): void {
  for (const { id, identity } of world.devices.records.values()) {
    const thumbprints = identity === undefined ? [] : [identity.sha256Thumbprint];
    const seen = { status: 'enabled', authentication: 'selfSigned', thumbprints } as const;
    world.identities.devices.set(`${hub}/${id}`, seen as never);
  }
}

/** The ports of a sweep. Those for hubs have their own names: it goes on without a hub that does not answer. */
function sweeping({ ports, port }: Failing, world: World, listed: readonly ObservedIdentity[] = []) {
  const reader = createMemoryFleetReader(world.enrollments);
  reader.hubs.set(hub, [...listed]);
  const rate = (name: string) => port(name, { acquire: async () => {} });
  const dps = { name: 'default', enrollments: ports.enrollments, rateLimiter: rate('dpsRate') };
  const hubs = { queryRateLimiter: () => rate('hubRate'), registryRateLimiter: rate('hubRate') };
  const all = { ...ports, dps, ...hubs, fleet: port('fleet', reader) };
  return sweep({ ...all, observe: createDriftDetector({ ...ports, ...hubs }) }, { begin: true });
}

const ofHubs = /^(?:hubRate|fleet\.(?:identities|identitiesOf|countIdentities)|identities\.observe)/;
const theirs = {
  deviceId: 'theirs',
  hub,
  status: 'enabled',
  authentication: 'sas',
  etag: 'x',
  thumbprints: [],
} as const;

const observe = (ports: Failing['ports'], observation: Parameters<ReturnType<typeof createDriftDetector>>[0]) =>
  createDriftDetector(ports)(observation);

/** What a sweep hands over of the devices. */
function ofDevices(world: World, change: object) {
  const records = new Map(
    [...world.devices.records.values()].map((value): [string, { value: DeviceRecord; etag: string }] => [
      value.id,
      { value, etag: '' },
    ]),
  );
  const devices = [{ deviceId: 'gw-1', ...change }];
  return { of: 'devices', at: later, devices, records } as const;
}

async function recordsOf(world: World) {
  return world.devices.read([...world.devices.records.keys()]);
}

const device = { type: 'device', id: 'gw-1', enrollmentGroup: 'line7' } as const;

/** An open finding. */
async function found(world: World, kind: FindingKind, subject: Finding['subject'] = device, seen = {}): Promise<void> {
  const { severity } = definitionOf(kind);
  const id = findingId(kind, subject);
  const times = { firstSeen: at, lastSeen: at, acts: [], digest: 'd' };
  await world.findings.create({ id, kind, subject, severity, state: 'open', expected: {}, seen, ...times });
}

const repair = (kind: FindingKind, prepare: (world: World) => Promise<unknown>, subject: Finding['subject'] = device) =>
  ({
    name: `repairFinding: ${kind}`,
    prepare,
    run: (ports) => repairFinding(findingId(kind, subject), ann, ports),
  }) satisfies UseCase;

const ca = someDelegatedCa({ certificatePem: (await makeCertificate({ name: 'line7 delegated', ca: true })).pem });
const caIn = (world: World) => world.delegatedCas.create(ca);
const ofCa = { type: 'ca', id: ca.id, enrollmentGroup: 'line7' } as const;
const group = { type: 'group', id: 'line7', enrollmentGroup: 'line7' } as const;

/** A device with tags, at a hub. */
async function tagged(world: World): Promise<void> {
  await world.upload('line7/list.csv', 'deviceId,tags.site\ngw-1,ams\n');
  await world.settle();
  const registration = { status: 'assigned', assignedHub: hub, at: later } as const;
  world.enrollments.registrations.set('line7', [{ deviceId: 'gw-1', registration }]);
}

async function revoked(world: World): Promise<void> {
  await assigned(world);
  await blockDevice('gw-1', 'revoked', ann, world.services());
}

async function downloaded(world: World): Promise<void> {
  await provisioned(world);
  await downloadBundle('gw-1', 'Bob', world.services());
}

const useCases: readonly UseCase[] = [
  {
    name: 'a sweep',
    prepare: async (world) => {
      await assigned(world);
      atHub(world);
    },
    run: (_, world, given) => sweeping(given, world, [theirs]),
    survives: ofHubs,
  },
  {
    name: 'a sweep of individual enrollments, of which one is missing',
    prepare: async (world) => {
      await individual(world);
      await provisioned(world);
      world.enrollments.entries.individuals.delete('gw-2');
    },
    run: (_, world, given) => sweeping(given, world),
    survives: ofHubs,
  },
  {
    name: 'a look at groups of which one is missing',
    prepare: async (world) => world.enrollments.entries.groups.clear(),
    run: (ports) => observe(ports, { of: 'groups', at: later, groups: new Map(), dps: 'default' }),
  },
  {
    name: 'a look at a device that another enrollment belongs to',
    prepare: assigned,
    run: async (ports, world) => {
      const enrollment = { id: 'gw-1', attestation: 'symmetricKey', thumbprints: [], settings: {} };
      return observe(ports, { ...ofDevices(world, { enrollment }), records: await recordsOf(world) } as never);
    },
  },
  {
    name: 'a look at a device that is open though it is revoked',
    prepare: async (world) => {
      await revoked(world);
      world.identities.devices.set(`${hub}/gw-1`, { status: 'enabled' });
    },
    run: async (ports, world) => {
      const identity = { deviceId: 'gw-1', hub, status: 'enabled', authentication: 'sas', etag: 'x', thumbprints: [] };
      return observe(ports, { ...ofDevices(world, { identity }), records: await recordsOf(world) } as never);
    },
  },
  {
    name: 'the end of findings whose subject is gone',
    prepare: async (world) => {
      await assigned(world);
      await found(world, 'enrollment-foreign');
    },
    run: (ports) => {
      const place = `${findingKinds.indexOf('enrollment-foreign') * 3} `;
      return observe(ports, { of: 'end', at: later, began: later, dps: 'default', place });
    },
  },
  {
    name: 'the end of a sweep',
    run: (ports) =>
      observe(ports, {
        ...{ of: 'end', at: later, began: later, dps: 'default' },
        place: `${findingKinds.length * 3 - 1} `,
      }),
  },
  {
    name: 'acceptFinding',
    prepare: (world) => found(world, 'tags-differ'),
    run: (ports) => acceptFinding(findingId('tags-differ', device), ann, ports),
  },
  repair('tags-differ', async (world) => {
    await tagged(world);
    await reconcileRegistrations(world.services());
    await found(world, 'tags-differ');
  }),
  repair(
    'group-missing',
    async (world) => {
      world.enrollments.entries.groups.clear();
      await found(world, 'group-missing', group);
    },
    group,
  ),
  repair('block-missing', async (world) => {
    await revoked(world);
    world.enrollments.entries.individuals.clear();
    await found(world, 'block-missing');
  }),
  {
    ...repair('block-missing', async (world) => {
      await downloaded(world);
      await deleteDevice('gw-1', 'Ann', world.services());
      world.enrollments.entries.individuals.clear();
      await found(world, 'block-missing');
    }),
    name: 'repairFinding: block-missing of a deleted device',
  },
  repair('enabled-though-revoked', async (world) => {
    await revoked(world);
    world.identities.devices.set(`${hub}/gw-1`, { status: 'enabled' });
    await found(world, 'enabled-though-revoked', device, { hub });
  }),
  {
    ...repair('enabled-though-revoked', async (world) => {
      await provisioned(world);
      await deleteDevice('gw-1', 'Ann', world.services());
      await found(world, 'enabled-though-revoked', device, { hub });
    }),
    name: 'repairFinding: enabled-though-revoked of a deleted device',
  },
  repair(
    'ca-block-missing',
    async (world) => {
      await caIn(world);
      await blockDelegatedCa(ca.id, ann, world.services());
      world.enrollments.entries.groups.clear();
      await found(world, 'ca-block-missing', ofCa);
    },
    ofCa,
  ),
  { name: 'blockDelegatedCa', prepare: caIn, run: (ports) => blockDelegatedCa(ca.id, ann, ports) },
  {
    name: 'settleDelegatedCas of one whose worker died',
    prepare: caIn,
    run: (ports) => settleDelegatedCas({ ...ports, now: () => new Date('2026-11-28T11:00:00Z') }),
  },
  {
    name: 'settleDelegatedCas of one whose block was cut',
    prepare: (world) => world.delegatedCas.create({ ...ca, blocked: { ...ann, at } }),
    run: (ports) => settleDelegatedCas(ports),
  },
  {
    name: 'settleDelegatedCas of a blocked one that has ended',
    prepare: async (world) => {
      await caIn(world);
      await blockDelegatedCa(ca.id, ann, world.services());
    },
    run: (ports) => settleDelegatedCas({ ...ports, now: () => new Date('2028-01-01T00:00:00Z') }),
  },
  {
    name: 'completeRollover',
    prepare: (world) => world.services().groups.rollOver('line7', { from: 1 }),
    run: (ports) => completeRollover('line7', ann, ports),
  },
  {
    name: 'reconcileRegistrations of a device with tags',
    prepare: tagged,
    run: (ports) => reconcileRegistrations(ports),
  },
  {
    name: 'deleteDevice of one whose bundle was downloaded',
    prepare: downloaded,
    run: (ports) => deleteDevice('gw-1', 'Ann', ports),
  },
  {
    name: 'deleteDevice of one with an individual enrollment that registers meanwhile',
    prepare: async (world) => {
      await individual(world);
      await provisioned(world);
      const { registrationsOf } = world.enrollments;
      let asked = 0;
      world.enrollments.registrationsOf = async (id) => {
        asked += 1;
        return asked === 1 ? registrationsOf(id) : [{ status: 'assigned', assignedHub: hub }];
      };
    },
    run: (ports) => deleteDevice('gw-1', 'Ann', ports),
  },
  {
    name: 'warnOfExpiringCertificates',
    prepare: provisioned,
    run: (ports) => warnOfExpiringCertificates({ ...ports, now: () => new Date('2031-11-01T00:00:00Z') }),
    survives: /^devices\.countEnding$/,
  },
  {
    name: 'noteFrequentRenewal',
    run: (ports) => noteFrequentRenewal({ record: someDevice(), kind: 'identity', limit: 3 }, ports),
  },
];

failsWithEachCall(useCases);
