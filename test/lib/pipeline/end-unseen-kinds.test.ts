import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceStatus } from '../../../lib/devices/device.ts';
import { FleetError } from '../../../lib/errors.ts';
import { type Finding, findingId, type Subject } from '../../../lib/findings/finding.ts';
import { definitionOf, type FindingKind, findingKinds } from '../../../lib/findings/kinds.ts';
import { endUnseen } from '../../../lib/pipeline/end-unseen.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';

/* What ends a finding of each kind that a sweep did not see. */

const hub = 'hub.azure-devices.net';
const at = someTime.toISOString();
const before = '2026-01-01T00:00:00.000Z';
const device = { type: 'device', id: 'gw-1', enrollmentGroup: 'line7' } as const;

async function found(world: World, kind: FindingKind, more: Partial<Finding> = {}): Promise<void> {
  const subject: Subject = more.subject ?? { ...device, type: definitionOf(kind).subject };
  const common = { severity: definitionOf(kind).severity, state: 'open', digest: 'd', expected: {}, seen: {} } as const;
  const times = { firstSeen: before, lastSeen: before, acts: [] };
  await world.findings.create({ ...common, ...times, ...more, id: findingId(kind, subject), kind, subject });
}

/** Ends all parts. @returns how many ended */
async function endAll(world: World, { ports = {}, dps = 'default', began = at } = {}): Promise<number> {
  let [gone, place]: [number, string | undefined] = [0, undefined];
  do {
    const part = await endUnseen({ of: 'end', at, began, dps, place }, { ...world.services(), ...ports });
    gone += part.gone;
    place = part.next;
  } while (place !== undefined);
  return gone;
}

const certificates = [
  {
    ...{ kind: 'identity', serialNumber: '1', sha1Thumbprint: 'A', sha256Thumbprint: 'B', enrollmentGroup: 'line7' },
    ...{ state: 'live', since: before, notBefore: before, notAfter: '2027-01-01T00:00:00.000Z' },
  },
] as never;

function recordOf(status: DeviceStatus, more: object = {}) {
  const registration = { status: 'assigned', assignedHub: hub } as const;
  return someDevice({ status, registration, certificates, ...more });
}

const block = (doors: object) =>
  ({ kind: 'revoked', by: 'Ann', at, reason: 'lost', mark: 'm', from: 'assigned', marks: ['m'], doors }) as never;

/** Whether a finding of the kind ends when the device has that record. */
async function ends(
  kind: FindingKind,
  status: DeviceStatus,
  more: object = {},
  seen: object = {},
  prepare?: (world: World) => void,
) {
  using world = createWorld();
  await world.devices.create([recordOf(status, more)]);
  prepare?.(world);
  await found(world, kind, { seen: seen as never });
  return (await endAll(world)) === 1;
}

describe('a finding that the sweep did not see', () => {
  it('ends with its group, its CA, its archive or its registration', async () => {
    for (const kind of findingKinds.filter((each) => definitionOf(each).subject !== 'device')) {
      using world = createWorld();
      await found(world, kind);
      assert.equal(await endAll(world), 1, kind);
    }
    assert.equal(await ends('registered-unknown', 'assigned'), true);
  });

  it('ends with its device', async () => {
    for (const kind of findingKinds.filter((each) => definitionOf(each).subject === 'device')) {
      using world = createWorld();
      await found(world, kind);
      assert.equal(await endAll(world), 1, kind);
    }
  });

  it('stays where the device was not looked at, and ends once it has left the fleet', async () => {
    for (const kind of ['tags-differ', 'identity-missing', 'other-hub', 'registration-missing'] as const) {
      for (const status of [
        'provisioned',
        'assigned',
        'claimed',
        'closing',
        'suspended',
        'revoked',
        'deleting',
      ] as const)
        assert.equal(await ends(kind, status), false, `${kind} ${status}`);
      for (const status of ['deleted', 'scrapped', 'failed'] as const)
        assert.equal(await ends(kind, status), true, `${kind} ${status}`);
    }
  });

  it('stays where the sweep saw it, in each state that is not gone', async () => {
    for (const state of ['open', 'accepted', 'repaired', 'gone'] as const) {
      using world = createWorld();
      await found(world, 'group-changed', { state });
      assert.equal(await endAll(world, { began: before }), 0, state);
      assert.equal(await endAll(world), state === 'gone' ? 0 : 1, state);
    }
  });
});

describe('an entry in DPS that should not be there', () => {
  for (const kind of ['enrollment-foreign', 'enrollment-changed', 'block-left'] as const) {
    it(`is over once DPS does not have it: ${kind}`, async () => {
      const entry = { etag: '1', createdAt: at, attestation: 'x509', thumbprints: [], caReferences: [] };
      const there = (world: World) => void world.enrollments.entries.individuals.set('gw-1', entry);
      assert.equal(await ends(kind, 'assigned', {}, {}, there), false);
      assert.equal(await ends(kind, 'assigned'), true);
    });
  }
});

describe('a block that is missing in DPS', () => {
  it('is over when the records do not ask for it any more', async () => {
    const closed = { block: block({ enrollment: at, hub: at }) };
    assert.equal(await ends('block-missing', 'revoked', closed), false);
    assert.equal(await ends('block-missing', 'closing', closed), false);
    assert.equal(await ends('block-missing', 'revoked', { block: block({ hub: at }) }), true);
    assert.equal(await ends('block-missing', 'assigned'), true);
    // Its last certificate has ended.
    assert.equal(await ends('block-missing', 'revoked', { ...closed, certificates: [] }), true);
  });
});

describe('an identity at a hub that should not be there, or not so', () => {
  const other = { hub: 'b.azure-devices.net' };
  const there =
    (status: 'enabled' | 'disabled', name = other.hub) =>
    (world: World) =>
      void world.identities.devices.set(`${name}/gw-1`, { status });

  it('elsewhere is over when the hub does not have it, or is the one of the device by now', async () => {
    assert.equal(await ends('identity-elsewhere', 'assigned', {}, other, there('enabled')), false);
    assert.equal(await ends('identity-elsewhere', 'assigned', {}, other, there('disabled')), false);
    assert.equal(await ends('identity-elsewhere', 'assigned', {}, other), true);
    assert.equal(await ends('identity-elsewhere', 'assigned', {}, { hub }, there('enabled', hub)), true);
    assert.equal(await ends('identity-elsewhere', 'assigned', {}, {}), false, 'no hub is named');
  });

  it('enabled though revoked is over when it is disabled or gone', async () => {
    assert.equal(await ends('enabled-though-revoked', 'revoked', {}, { hub }, there('enabled', hub)), false);
    assert.equal(await ends('enabled-though-revoked', 'revoked', {}, { hub }, there('disabled', hub)), true);
    assert.equal(await ends('enabled-though-revoked', 'revoked', {}, { hub }), true);
  });

  it('stays while its hub does not answer; a hub that throttles stops the run', async () => {
    for (const [error, end] of [
      [new Error('ENOTFOUND'), 0],
      [new FleetError('unavailable', 'It is away.'), 0],
      [new FleetError('throttled', 'Later.'), undefined],
    ] as const) {
      using world = createWorld();
      await world.devices.create([recordOf('assigned')]);
      await found(world, 'identity-elsewhere', { seen: other });
      const observe = () => Promise.reject(error);
      const ended = endAll(world, { ports: { identities: { ...world.identities, observe } } });
      if (end === undefined) await assert.rejects(ended, { code: 'throttled' });
      else assert.equal(await ended, end);
    }
  });
});

describe('a sweep of one of several DPS instances', () => {
  it('ends the findings of its own groups, and `default` those of groups that are not known', async () => {
    const places = { ofGroup: async (id: string) => ({ line7: 'default', line8: 'west' })[id] } as never;
    const endedBy = async (dps: string, subject: Subject) => {
      using world = createWorld();
      await found(world, 'group-changed', { subject });
      return endAll(world, { dps, ports: { places } });
    };
    const of = (enrollmentGroup: string | undefined, id = 'x'): Subject => {
      return { type: 'group', id, ...(enrollmentGroup !== undefined && { enrollmentGroup }) };
    };
    assert.deepEqual([await endedBy('default', of('line7')), await endedBy('west', of('line7'))], [1, 0]);
    assert.deepEqual([await endedBy('default', of('line8')), await endedBy('west', of('line8'))], [0, 1]);
    assert.deepEqual([await endedBy('default', of('line9')), await endedBy('west', of('line9'))], [1, 0]);
    assert.deepEqual([await endedBy('default', of(undefined)), await endedBy('west', of(undefined))], [1, 0]);
    // The subject names the instance.
    const foreign = of('line7', 'theirs@west');
    assert.deepEqual([await endedBy('default', foreign), await endedBy('west', foreign)], [0, 1]);
  });
});
