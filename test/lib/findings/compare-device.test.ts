import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceBlock } from '../../../lib/devices/block.ts';
import type { DeviceCertificate } from '../../../lib/devices/certificate.ts';
import type { DeviceRecord, DeviceStatus } from '../../../lib/devices/device.ts';
import type { ObservedDevice, ObservedEntry, ObservedIdentity } from '../../../lib/enrollment/observed.ts';
import { compareDevice, needsBlock, unknownDevice } from '../../../lib/findings/compare-device.ts';
import { expectedSettings } from '../../../lib/findings/entry-settings.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import type { GroupRecord } from '../../../lib/groups/group.ts';
import { assertEvery } from '../../assert-every.ts';
import { someDevice, someGroup } from '../../factories.ts';

const day = (days: number) => new Date(Date.parse('2027-01-01T00:00:00Z') + days * 86_400_000).toISOString();
const at = day(0);
const hub = 'Hub.example.net';
const [ours, former, theirs] = ['A'.repeat(64), 'B'.repeat(64), 'C'.repeat(64)];

function certificate(sha256Thumbprint: string, change: Partial<DeviceCertificate> = {}): DeviceCertificate {
  const names = { sha256Thumbprint, sha1Thumbprint: sha256Thumbprint.slice(0, 40), serialNumber: sha256Thumbprint[0] };
  const validity = { notBefore: day(-10), notAfter: day(300), since: day(-10) };
  return { kind: 'identity', enrollmentGroup: 'line7', state: 'live', ...names, ...validity, ...change } as never;
}

const present = certificate(ours);
const assigned = someDevice({
  ...{ status: 'assigned', serialNumber: present.serialNumber, certificates: [present] },
  identity: { sha256Thumbprint: ours, sha1Thumbprint: '', notBefore: day(-10), notAfter: day(300) },
  registration: { status: 'assigned', assignedHub: hub, at: day(-5) },
});

const individual: Partial<GroupInput> = { enrollment: 'individual' };
const enrolled: DeviceRecord = { ...assigned, enrolledCertificates: [ours] };

function group(change: Partial<GroupInput> = {}, more: Partial<GroupRecord> = {}): GroupRecord {
  const definition = someGroup('line7', { initialTwin: {}, ...change });
  return { id: 'line7', definition, issuingCas: [], createdAt: day(-20), updatedAt: day(-20), ...more };
}

const identity: ObservedIdentity = {
  ...{ deviceId: 'gw-1', hub: hub.toLowerCase(), status: 'enabled', authentication: 'selfSigned' },
  ...{ thumbprints: [ours], etag: '' },
};
const entry = (change: Partial<ObservedEntry> = {}, of: GroupRecord = group(individual)): ObservedEntry => ({
  ...{ id: 'gw-1', etag: '', createdAt: day(-9), attestation: 'x509', thumbprints: [ours], caReferences: [] },
  settings: expectedSettings(of.definition),
  ...change,
});

function compare(record: DeviceRecord, seen: Partial<ObservedDevice>, of: GroupRecord | undefined = group()) {
  return compareDevice({ record, group: of, seen: { deviceId: 'gw-1', ...seen }, at });
}
const kindsOf = (...given: Parameters<typeof compare>) => compare(...given).differences.map(({ kind }) => kind);
const decides = (kind: string, ...given: Parameters<typeof compare>) =>
  compare(...given).decided.includes(kind as never);

/** A device whose doors were closed. */
function blocked(status: DeviceStatus, doors: DeviceBlock['doors'] = { enrollment: at, hub: at }): DeviceRecord {
  const block = { kind: 'revoked', by: 'Ann', at, reason: 'lost', mark: 'm', from: 'assigned', marks: ['m'] } as const;
  return { ...assigned, status, block: { ...block, doors } };
}
const deleted = (block?: string): DeviceRecord => ({
  ...assigned,
  status: 'deleted',
  deletion: { by: 'Ann', at, ...(block !== undefined && { block }) },
});

describe('a device that is as it should be', () => {
  it('has no difference, whatever was looked at', () => {
    assert.deepEqual(kindsOf(assigned, {}), []);
    assert.deepEqual(kindsOf(assigned, { enrollment: null, registration: assigned.registration, identity }), []);
    assert.deepEqual(kindsOf(enrolled, { enrollment: entry() }, group(individual)), []);
  });

  it('decides nothing about what was not looked at', () => {
    const { subject, decided } = compare(assigned, {});
    assert.deepEqual(subject, { type: 'device', id: 'gw-1', enrollmentGroup: 'line7' });
    assert.deepEqual(decided, ['certificate-ending', 'renewal-late']);
  });
});

describe('the certificate of a device', () => {
  const ending = (days: number, record: DeviceRecord = assigned, of: GroupRecord | undefined = group()) =>
    kindsOf(
      { ...record, identity: { ...(assigned.identity ?? assert.fail()), notAfter: day(days) } },
      {},
      of === undefined ? (undefined as never) : of,
    );

  it('is ending within the notice of its group, for a device in use', () => {
    const notice = group({ validityDays: 1000 });
    const within = [...Array(1000).keys()].filter((days) => ending(days, assigned, notice).length > 0).length;
    assert.ok(within > 0 && within < 1000, String(within));
    assert.deepEqual(ending(within, assigned, notice), []);
    assert.deepEqual(ending(within - 1, assigned, notice), ['certificate-ending']);
    assert.deepEqual(ending(-1, assigned, notice), ['certificate-ending']);
    assert.deepEqual(ending(0, { ...assigned, status: 'provisioned' }, notice), ['certificate-ending']);
    for (const status of ['claimed', 'failed', 'closing', 'revoked', 'deleted'] as const)
      assert.deepEqual(ending(0, { ...assigned, status }, notice), []);
    const { identity: _identity, ...without } = assigned;
    assert.deepEqual(kindsOf(without, {}), []);
    const unknown = { record: assigned, group: undefined, seen: { deviceId: 'gw-1' }, at: day(400) };
    assert.deepEqual(compareDevice(unknown).differences, []);
  });
});

describe('the individual enrollment of a device', () => {
  const seen = (enrollment: ObservedEntry | null, record = enrolled, of = group(individual)) =>
    kindsOf(record, { enrollment }, of);

  it('that is missing is a difference where the group has individual ones', () => {
    assert.deepEqual(seen(null), ['enrollment-missing']);
    assert.deepEqual(seen(null, { ...enrolled, status: 'provisioned' }), ['enrollment-missing']);
    assert.deepEqual(seen(null, enrolled, group()), []);
    assert.deepEqual(seen(null, assigned), []);
    const [found] = compare(enrolled, { enrollment: null }, group(individual)).differences;
    assert.deepEqual([found?.expected, found?.seen], [{ thumbprints: [ours] }, { inDps: false }]);
  });

  it('is foreign where it has another certificate, or none', () => {
    for (const thumbprints of [[theirs], []]) assert.deepEqual(seen(entry({ thumbprints })), ['enrollment-foreign']);
    assert.deepEqual(seen(entry(), assigned, group()), ['enrollment-foreign']);
    const [found] = compare(enrolled, { enrollment: entry({ thumbprints: [theirs] }) }, group(individual)).differences;
    assert.deepEqual(found?.seen, { attestation: 'x509', thumbprints: [theirs], createdAt: day(-9) });
  });

  it('is a block that was left where it has a mark', () => {
    const [found] = compare(enrolled, { enrollment: entry({ mark: 'm' }) }, group(individual)).differences;
    assert.deepEqual([found?.kind, found?.seen], ['block-left', { blocked: true, mark: 'm' }]);
  });

  it('is changed where its settings are not those that it was written by', () => {
    const settings = { ...entry().settings, iotEdge: false };
    const changed = entry({ settings });
    assert.deepEqual(seen(changed), ['enrollment-changed']);
    // The group was declared again since: the enrollment is as it was then.
    const declared = (days: number) => group(individual, { declaredBy: { by: 'Ann', at: day(days) } });
    assert.deepEqual(seen(changed, enrolled, declared(-10)), ['enrollment-changed']);
    assert.deepEqual(seen(changed, enrolled, declared(-9)), []);
    assert.deepEqual(seen(changed, enrolled, group()), []);
    assert.deepEqual(seen(changed, { ...enrolled, serialNumber: 'another' }), []);
    const tagged = { ...enrolled, twin: { tags: { site: 'ams' }, desired: {} } };
    assert.deepEqual(seen(entry(), tagged), ['enrollment-changed']);
  });

  it('is compared for devices in use only, and decides about each kind then', () => {
    for (const status of ['claimed', 'failed', 'closing', 'deleting'] as const) {
      const record = { ...enrolled, status };
      assert.deepEqual(seen(null, record), []);
      assert.ok(!decides('enrollment-missing', record, { enrollment: null }, group(individual)), status);
    }
    for (const kind of [
      'enrollment-missing',
      'enrollment-foreign',
      'enrollment-changed',
      'block-missing',
      'block-left',
    ])
      assert.ok(decides(kind, enrolled, { enrollment: entry() }, group(individual)), kind);
  });
});

describe('the block of a device in DPS', () => {
  const disabled = entry({ settings: { ...entry().settings, provisioningStatus: 'disabled' } });

  for (const status of ['suspended', 'revoked', 'scrapped'] as const) {
    it(`that is ${status} is missing where DPS has no disabled entry`, () => {
      assert.deepEqual(kindsOf(blocked(status), { enrollment: disabled }), []);
      const [gone] = compare(blocked(status), { enrollment: null }).differences;
      assert.deepEqual([gone?.kind, gone?.seen], ['block-missing', { inDps: false }]);
      const [enabled] = compare(blocked(status), { enrollment: entry() }).differences;
      assert.deepEqual(enabled?.seen, { inDps: true, provisioningStatus: 'enabled' });
      assert.ok(decides('block-missing', blocked(status), { enrollment: disabled }));
    });
  }

  it('is not asked for while its doors are being closed, or were never closed', () => {
    for (const record of [blocked('closing'), blocked('opening'), blocked('revoked', { hub: at }), deleted()]) {
      assert.deepEqual(kindsOf(record, { enrollment: null }), []);
      assert.ok(!decides('block-missing', record, { enrollment: null }), record.status);
      assert.equal(needsBlock(record, at), false);
    }
  });

  it('is needed for a deleted device whose certificate was out', () => {
    assert.deepEqual(kindsOf(deleted('m'), { enrollment: null }), ['block-missing']);
    assert.equal(needsBlock(deleted('m'), at), true);
  });

  it('is needed until the last certificate has ended', () => {
    const record = blocked('revoked');
    assert.equal(needsBlock(record, day(299)), true);
    assert.equal(needsBlock(record, day(300)), false);
    assert.deepEqual(
      compareDevice({ record, group: group(), seen: { deviceId: 'gw-1', enrollment: null }, at: day(300) }).differences,
      [],
    );
    const both = { ...record, certificates: [certificate(ours, { notAfter: day(-1) }), certificate(former)] };
    assert.equal(needsBlock(both, at), true);
  });
});

describe('the registration of a device', () => {
  it('that is missing is a difference for an assigned device', () => {
    const [found] = compare(assigned, { registration: null }).differences;
    assert.equal(found?.kind, 'registration-missing');
    assert.deepEqual(found?.expected, { status: 'assigned', assignedHub: hub });
    assert.deepEqual(kindsOf({ ...assigned, status: 'provisioned' }, { registration: null }), []);
    assert.deepEqual(kindsOf(assigned, { registration: { status: 'assigned', assignedHub: hub } }), []);
  });

  it('is at another hub than its group names, unless it is older than that', () => {
    const named = (change: Partial<GroupRecord> = {}) => group({ iotHubs: ['other.example.net'] }, change);
    const to = (assignedHub: string) => ({ registration: { status: 'assigned', assignedHub, at: day(-5) } as const });
    const [found] = compare(assigned, to(hub), named()).differences;
    assert.equal(found?.kind, 'other-hub');
    assert.deepEqual(
      [found?.expected, found?.seen],
      [{ hubs: ['other.example.net'] }, { assignedHub: hub.toLowerCase() }],
    );
    assert.deepEqual(kindsOf(assigned, to('Other.example.net'), named()), []);
    assert.deepEqual(kindsOf(assigned, to(hub), group()), []);
    assert.deepEqual(kindsOf({ ...assigned, status: 'failed' }, to(hub), named()), []);
    // DPS chose before the group was declared so.
    const declared = (days: number) => named({ declaredBy: { by: 'Ann', at: day(days) } });
    assert.deepEqual(kindsOf(assigned, to(hub), declared(-5)), ['other-hub']);
    assert.deepEqual(kindsOf(assigned, to(hub), declared(-4)), []);
    assert.deepEqual(kindsOf(assigned, { registration: { status: 'assigned', assignedHub: hub } }, named()), []);
    // Only the identity was looked at: the record says where the device is.
    assert.deepEqual(kindsOf(assigned, { identity }, named()), ['other-hub']);
  });
});

describe('the identity of a device at its hub', () => {
  const seen = (change: Partial<ObservedIdentity> | null, record = assigned, of = group()) =>
    kindsOf(record, { identity: change && { ...identity, ...change } }, of);

  it('that is missing is a difference where DPS has assigned the device', () => {
    assert.deepEqual(seen(null), ['identity-missing']);
    assert.deepEqual(seen(null, { ...assigned, registration: { status: 'failed', assignedHub: hub } }), []);
    const { registration: _registration, ...without } = assigned;
    assert.deepEqual(seen(null, { ...without, status: 'provisioned' }), []);
    for (const status of ['claimed', 'failed', 'deleting'] as const)
      assert.deepEqual(seen(null, { ...assigned, status }), []);
  });

  it('is disabled, with the reason that was given', () => {
    const [found] = compare(assigned, {
      identity: { ...identity, status: 'disabled', statusReason: 'by hand' },
    }).differences;
    assert.deepEqual(
      [found?.kind, found?.seen],
      ['identity-disabled', { status: 'disabled', statusReason: 'by hand' }],
    );
    const [bare] = compare(assigned, { identity: { ...identity, status: 'disabled' } }).differences;
    assert.deepEqual(bare?.seen, { status: 'disabled' });
  });

  it('has another credential', () => {
    for (const authentication of ['sas', 'certificateAuthority', 'none'] as const)
      assert.deepEqual(seen({ authentication, thumbprints: [] }), ['other-authentication']);
    assert.deepEqual(seen({ thumbprints: [theirs] }), ['unknown-certificate']);
    assert.deepEqual(seen({ thumbprints: [ours, theirs] }), ['unknown-certificate']);
    assert.deepEqual(seen({ thumbprints: [present.sha1Thumbprint] }), []);
    assert.deepEqual(seen({ thumbprints: [] }), []);
  });

  it('has a certificate that another one has replaced, and one that no device registers with', () => {
    const old = certificate(former, { state: 'superseded' });
    const record = { ...assigned, certificates: [present, old] };
    const [found] = compare(record, { identity: { ...identity, thumbprints: [former] } }).differences;
    assert.equal(found?.kind, 'superseded-certificate');
    assert.deepEqual(found?.expected, { thumbprints: [ours] });
    assert.deepEqual(found?.seen, { serialNumber: 'B', thumbprint: former, state: 'superseded' });
    assert.deepEqual(seen({ thumbprints: [former] }, { ...record, certificates: [present, certificate(former)] }), []);
    const edgeCa = certificate(former, { kind: 'edge-ca' });
    assert.deepEqual(seen({ thumbprints: [former] }, { ...record, certificates: [present, edgeCa] }), [
      'unknown-certificate',
    ]);
  });

  it('may have certificates that we do not know where another EST server renews the group', () => {
    const elsewhere = group({ est: { url: 'https://est.example.com', identity: true } });
    assert.deepEqual(seen({ thumbprints: [theirs] }, assigned, elsewhere), []);
  });

  it('is at another hub, and decides nothing about the one at its own', () => {
    const elsewhere = { ...identity, hub: 'b.example.net' };
    const { differences, decided } = compare(assigned, { identity: elsewhere });
    assert.deepEqual(
      differences.map(({ kind }) => kind),
      ['identity-elsewhere'],
    );
    assert.ok(!decided.includes('identity-missing'));
    assert.deepEqual(differences[0]?.seen, {
      ...{ hub: 'b.example.net', status: 'enabled', authentication: 'selfSigned', thumbprints: [ours] },
    });
  });

  it('has other tags than its row; those of others are theirs', () => {
    const tagged = { ...assigned, twin: { tags: { site: 'ams' }, desired: {} } };
    assert.deepEqual(seen({ tags: { site: 'ber' } }, tagged), ['tags-differ']);
    assert.deepEqual(seen({ tags: { site: 'ams', owner: 'x' } }, tagged), []);
    assert.deepEqual(seen({}, tagged), [], 'tags were not read');
    assert.ok(!decides('tags-differ', tagged, { identity }));
    assert.ok(decides('tags-differ', tagged, { identity: { ...identity, tags: {} } }));
    // They are delivered when the device is assigned.
    assert.deepEqual(seen({ tags: {} }, { ...tagged, status: 'provisioned' }), []);
  });
});

describe('the identity of a device that is to be closed', () => {
  const seen = (record: DeviceRecord, change: Partial<ObservedIdentity> | null = {}) =>
    kindsOf(record, { identity: change && { ...identity, ...change } });

  it('is enabled though it is revoked', () => {
    for (const status of ['suspended', 'revoked', 'scrapped'] as const) {
      const [found] = compare(blocked(status), { identity }).differences;
      assert.equal(found?.kind, 'enabled-though-revoked');
      assert.deepEqual(found?.seen, { status: 'enabled', hub: identity.hub, authentication: 'selfSigned' });
      assert.deepEqual(seen(blocked(status), { status: 'disabled' }), []);
      assert.deepEqual(seen(blocked(status), null), []);
    }
  });

  it('is not looked at while its hub was never closed', () => {
    assert.deepEqual(seen(blocked('revoked', { enrollment: at })), []);
    assert.ok(!decides('enabled-though-revoked', blocked('revoked', { enrollment: at }), { identity }));
    assert.deepEqual(seen(blocked('closing')), []);
  });

  it('is of another device of that id where a deleted device has none of its certificates', () => {
    assert.deepEqual(seen(deleted('m')), ['enabled-though-revoked']);
    assert.deepEqual(seen(deleted(), { thumbprints: [present.sha1Thumbprint] }), ['enabled-though-revoked']);
    assert.deepEqual(seen(deleted('m'), { thumbprints: [theirs] }), []);
    // A block closes whatever has the id.
    assert.deepEqual(seen(blocked('revoked'), { thumbprints: [theirs] }), ['enabled-though-revoked']);
  });

  it('at another hub decides about what it found only', () => {
    const elsewhere = { ...identity, hub: 'b.example.net' };
    assert.deepEqual(compare(blocked('revoked'), { identity: elsewhere }).decided.slice(2), [
      'other-hub',
      'enabled-though-revoked',
    ]);
    assert.deepEqual(compare(blocked('revoked'), { identity: { ...elsewhere, status: 'disabled' } }).decided.slice(2), [
      'other-hub',
    ]);
  });
});

describe('a device that is not on record', () => {
  const unknown = (seen: Partial<ObservedDevice>) => unknownDevice({ deviceId: 'gw-9', ...seen });

  it('is a difference where it registered by one of our groups', () => {
    const registration = { status: 'assigned', assignedHub: hub } as const;
    const { subject, differences, decided } = unknown({ registration, registeredIn: 'line7', identity });
    assert.deepEqual(subject, { type: 'device', id: 'gw-9', enrollmentGroup: 'line7' });
    assert.deepEqual(decided, ['registered-unknown']);
    assert.deepEqual(differences[0]?.seen, {
      ...{ status: 'assigned', assignedHub: hub, enrollmentGroup: 'line7', identity: 'enabled', thumbprints: [ours] },
    });
    const bare = unknown({ registration: { status: 'failed' } });
    assert.deepEqual(bare.differences[0]?.seen, { status: 'failed', assignedHub: null, enrollmentGroup: null });
    assert.deepEqual(bare.subject, { type: 'device', id: 'gw-9' });
  });

  it('is none where it did not register', () => {
    assertEvery([unknown({}), unknown({ registration: null })], ({ differences, decided }) => {
      return differences.length === 0 && decided.length === 1;
    });
  });
});
