import { deviceNoticeDays } from '../authorities/expiry.ts';
import { certificatesOf } from '../devices/certificates.ts';
import { type DeviceRecord, enrolledCertificates } from '../devices/device.ts';
import type { ObservedDevice, ObservedEntry, ObservedIdentity } from '../enrollment/observed.ts';
import { isRenewedElsewhere } from '../groups/definition.ts';
import { type GroupRecord, inForce } from '../groups/group.ts';
import type { Comparison } from './compare-group.ts';
import { differing } from './differences.ts';
import { differingSettings, expectedSettings } from './entry-settings.ts';
import type { Difference, Facts, Subject } from './finding.ts';
import type { FindingKind } from './kinds.ts';

/** A device, its group if there is one, and what was seen of it. */
export interface DeviceInView {
  readonly record: DeviceRecord;
  readonly group: GroupRecord | undefined;
  readonly seen: ObservedDevice;
  /** When it was seen: ISO 8601, UTC. */
  readonly at: string;
}

/**
 * Compares a device with what was seen of it. A part that was not looked at decides nothing.
 *
 * A device that a job or an operator works on (`claimed`, `deleting`, a block with open doors) is between two states, so it is
 * compared when that is done.
 */
export function compareDevice(view: DeviceInView): Comparison {
  const { record, seen } = view;
  const subject: Subject = { type: 'device', id: record.id, enrollmentGroup: record.enrollmentGroup };
  const parts = [
    certificateEnd(view),
    lateRenewal(view),
    ...(seen.enrollment === undefined ? [] : [compareEnrollment(view, seen.enrollment)]),
    ...(seen.registration === undefined ? [] : [compareRegistration(view)]),
    ...(seen.registration === undefined && seen.identity === undefined ? [] : [compareHub(view)]),
    ...(seen.identity === undefined ? [] : [compareIdentity(view, seen.identity)]),
  ];
  return {
    subject,
    decided: parts.flatMap(({ decided }) => decided),
    differences: parts.flatMap(({ found }) => found.map((each) => ({ ...each, subject }))),
  };
}

/** A device that registered by one of our groups, and that we have no record of. */
export function unknownDevice({ deviceId, registration, registeredIn, identity }: ObservedDevice): Comparison {
  const subject: Subject = {
    type: 'device',
    id: deviceId,
    ...(registeredIn !== undefined && { enrollmentGroup: registeredIn }),
  };
  const decided: readonly FindingKind[] = ['registered-unknown'];
  if (registration === undefined || registration === null) return { subject, decided, differences: [] };
  const { status, assignedHub = null } = registration;
  const found: Facts = {
    ...{ status, assignedHub, enrollmentGroup: registeredIn ?? null },
    ...(identity && { identity: identity.status, thumbprints: identity.thumbprints }),
  };
  const difference = { kind: 'registered-unknown', subject, expected: { record: true }, seen: found } as const;
  return { subject, decided, differences: [difference] };
}

type Found = Omit<Difference, 'subject'>;

/** What one part of the observation decides. */
interface Part {
  readonly decided: readonly FindingKind[];
  readonly found: readonly Found[];
}

const isInUse = ({ status }: DeviceRecord): boolean => status === 'provisioned' || status === 'assigned';

/** Why a device must not get in, if so, and which doors were closed. */
function blockOf({ status, block, deletion }: DeviceRecord): { enrollment: boolean; hub: boolean } | undefined {
  if (block !== undefined && (status === 'suspended' || status === 'revoked' || status === 'scrapped')) {
    return { enrollment: block.doors.enrollment !== undefined, hub: block.doors.hub !== undefined };
  }
  return status === 'deleted' ? { enrollment: deletion?.block !== undefined, hub: true } : undefined;
}

/** Whether DPS has to refuse the device by an entry of its own: while one of its certificates is valid. */
export function needsBlock(record: DeviceRecord, at: string): boolean {
  return blockOf(record)?.enrollment === true && certificatesOf(record).some(({ notAfter }) => notAfter > at);
}

function certificateEnd({ record, group, at }: DeviceInView): Part {
  const decided: readonly FindingKind[] = ['certificate-ending'];
  const { identity } = record;
  if (!isInUse(record) || identity === undefined || group === undefined) return { decided, found: [] };
  const days = deviceNoticeDays(inForce(group).definition);
  const daysLeft = (Date.parse(identity.notAfter) - Date.parse(at)) / (24 * 60 * 60 * 1000);
  if (daysLeft >= days) return { decided, found: [] };
  const seen = { notAfter: identity.notAfter };
  return { decided, found: [{ kind: 'certificate-ending', expected: { daysLeft: `${days} or more` }, seen }] };
}

/** A device that has not registered yet, or that is in no group any more, is not expected to renew. */
function lateRenewal({ record, at }: DeviceInView): Part {
  const decided: readonly FindingKind[] = ['renewal-late'];
  const { status, renewal, identity, serialNumber, unconfirmedSince } = record;
  if (status !== 'assigned' || renewal === undefined || identity === undefined || at < renewal.lateAt)
    return { decided, found: [] };
  if (unconfirmedSince !== undefined) {
    const seen = { serialNumber, unconfirmedSince, lateSince: renewal.lateAt };
    return { decided, found: [{ kind: 'renewal-late', expected: { registeredWith: serialNumber }, seen }] };
  }
  const { renewsAt, lateAt } = renewal;
  const seen = { serialNumber, notAfter: identity.notAfter, lateSince: lateAt };
  return { decided, found: [{ kind: 'renewal-late', expected: { renewedAt: renewsAt }, seen }] };
}

const enrollmentKinds = [
  'enrollment-missing',
  'enrollment-foreign',
  'enrollment-changed',
  'block-missing',
  'block-left',
] as const;

function compareEnrollment(view: DeviceInView, seen: ObservedEntry | null): Part {
  const { record, group } = view;
  const block = blockOf(record);
  if (block !== undefined) {
    if (!block.enrollment) return { decided: [], found: [] };
    return { decided: enrollmentKinds, found: seenBlock(view, seen) };
  }
  if (!isInUse(record) || group === undefined) return { decided: [], found: [] };
  const own = enrolledCertificates(record);
  const held = seen?.thumbprints[0];
  const isOwn = held !== undefined && own.includes(held);
  if (seen === null) {
    if (own.length === 0 || inForce(group).definition.enrollment === 'group')
      return { decided: enrollmentKinds, found: [] };
    const found = {
      kind: 'enrollment-missing',
      expected: { thumbprints: own.slice(0, 1) },
      seen: { inDps: false },
    } as const;
    return { decided: enrollmentKinds, found: [found] };
  }
  if (seen.mark !== undefined) {
    const facts = { blocked: true, mark: seen.mark };
    return { decided: enrollmentKinds, found: [{ kind: 'block-left', expected: { blocked: false }, seen: facts }] };
  }
  if (!isOwn) {
    const { attestation, thumbprints, createdAt } = seen;
    const facts = { attestation, thumbprints, createdAt };
    return {
      decided: enrollmentKinds,
      found: [{ kind: 'enrollment-foreign', expected: { thumbprints: own }, seen: facts }],
    };
  }
  return { decided: enrollmentKinds, found: changedEnrollment(view, seen) };
}

/** Any disabled entry under the registration id blocks the device. */
function seenBlock({ record, at }: DeviceInView, seen: ObservedEntry | null): Found[] {
  const isClosed = seen !== null && seen.settings.provisioningStatus === 'disabled';
  if (isClosed || !needsBlock(record, at)) return [];
  const facts = seen === null ? { inDps: false } : { inDps: true, provisioningStatus: 'enabled' };
  return [{ kind: 'block-missing', expected: { inDps: true, provisioningStatus: 'disabled' }, seen: facts }];
}

/**
 * A changed definition reaches individual enrollments only with their next certificate. So they are compared while the
 * definition is the one that they were written by.
 */
function changedEnrollment({ record, group }: DeviceInView, seen: ObservedEntry): Found[] {
  if (group === undefined) return [];
  const { definition } = inForce(group);
  const [present] = certificatesOf(record).filter(({ serialNumber }) => serialNumber === record.serialNumber);
  const declaredAt = group.declaredBy?.at ?? group.createdAt;
  if (present === undefined || definition.enrollment !== 'individual' || declaredAt > present.since) return [];
  const expected = expectedSettings(definition, record.twin);
  const changed = differingSettings(expected, seen.settings);
  return changed === undefined ? [] : [{ kind: 'enrollment-changed', ...changed }];
}

function compareRegistration({ record, seen: { registration } }: DeviceInView): Part {
  const decided: readonly FindingKind[] = ['registered-unknown', 'registration-missing'];
  if (registration !== null || record.status !== 'assigned') return { decided, found: [] };
  const expected = { status: 'assigned', assignedHub: record.registration?.assignedHub ?? null };
  return { decided, found: [{ kind: 'registration-missing', expected, seen: { registration: null } }] };
}

/** Compares the hub that DPS chose with those that the group names. */
function compareHub(view: DeviceInView): Part {
  const decided: readonly FindingKind[] = ['other-hub'];
  const registration = registrationOf(view);
  const hub = registration?.assignedHub?.toLowerCase();
  const hubs = hubsOf(view.group, registration?.at);
  if (hub === undefined || !isInUse(view.record) || hubs === undefined || hubs.includes(hub))
    return { decided, found: [] };
  return { decided, found: [{ kind: 'other-hub', expected: { hubs }, seen: { assignedHub: hub } }] };
}

/** As it was seen; as it is on record where it was not looked at. */
function registrationOf({ record, seen }: DeviceInView): DeviceRecord['registration'] | null {
  return seen.registration === undefined ? record.registration : seen.registration;
}

/**
 * The hubs that a group names; undefined when DPS can choose any, or chose before the group was declared so: such a device
 * stays where it is until it registers again.
 */
function hubsOf(group: GroupRecord | undefined, registeredAt: string | undefined): readonly string[] | undefined {
  if (group === undefined || registeredAt === undefined) return undefined;
  const { iotHubs } = inForce(group).definition;
  const declaredAt = group.declaredBy?.at ?? group.createdAt;
  if (iotHubs.length === 0 || Date.parse(registeredAt) < Date.parse(declaredAt)) return undefined;
  return iotHubs.map((hub) => hub.toLowerCase());
}

const identityKinds = [
  'enabled-though-revoked',
  'identity-missing',
  'identity-disabled',
  'other-authentication',
  'unknown-certificate',
  'superseded-certificate',
] as const;

/** An identity at another hub than the device's own decides nothing about the one at its own. */
function compareIdentity(view: DeviceInView, seen: ObservedIdentity | null): Part {
  const { record } = view;
  const registration = registrationOf(view);
  const isElsewhere =
    registration?.assignedHub !== undefined && seen !== null && seen.hub !== registration.assignedHub.toLowerCase();
  const block = blockOf(record);
  if (block !== undefined) {
    const part = block.hub ? blockedIdentity(record, seen) : { decided: [], found: [] };
    return isElsewhere ? { ...part, decided: part.found.map(({ kind }) => kind) } : part;
  }
  if (!isInUse(record)) return { decided: [], found: [] };
  const hub = registration?.status === 'assigned' ? registration.assignedHub?.toLowerCase() : undefined;
  if (seen === null) {
    const found: Found[] =
      hub === undefined ? [] : [{ kind: 'identity-missing', expected: { hub }, seen: { identity: null } }];
    return { decided: identityKinds, found };
  }
  if (isElsewhere) {
    const { hub: other, status, authentication, thumbprints } = seen;
    const facts = { hub: other, status, authentication, thumbprints };
    return { decided: ['identity-elsewhere'], found: [{ kind: 'identity-elsewhere', expected: { hub }, seen: facts }] };
  }
  const found: Found[] = [...differingCredential(view, seen)];
  if (seen.status === 'disabled') {
    const facts = { status: 'disabled', ...(seen.statusReason !== undefined && { statusReason: seen.statusReason }) };
    found.push({ kind: 'identity-disabled', expected: { status: 'enabled' }, seen: facts });
  }
  if (seen.tags === undefined) return { decided: identityKinds, found };
  const tags = record.status === 'assigned' ? differing(record.twin?.tags ?? {}, seen.tags, 'expected') : undefined;
  if (tags !== undefined) found.push({ kind: 'tags-differ', ...tags });
  return { decided: [...identityKinds, 'tags-differ'], found };
}

/** An identity with a credential that was never ours belongs to another device of this id. */
function blockedIdentity(record: DeviceRecord, seen: ObservedIdentity | null): Part {
  const decided: readonly FindingKind[] = [...identityKinds, 'tags-differ'];
  if (seen === null || seen.status === 'disabled') return { decided, found: [] };
  const ours = certificatesOf(record).flatMap(({ sha1Thumbprint, sha256Thumbprint }) => [
    sha1Thumbprint,
    sha256Thumbprint,
  ]);
  const isOurs = record.block !== undefined || seen.thumbprints.some((thumbprint) => ours.includes(thumbprint));
  if (!isOurs) return { decided, found: [] };
  const facts = { status: 'enabled', hub: seen.hub, authentication: seen.authentication };
  return { decided, found: [{ kind: 'enabled-though-revoked', expected: { status: 'disabled' }, seen: facts }] };
}

function differingCredential({ record, group }: DeviceInView, seen: ObservedIdentity): Found[] {
  if (seen.authentication !== 'selfSigned') {
    const facts = { authentication: seen.authentication };
    return [{ kind: 'other-authentication', expected: { authentication: 'selfSigned' }, seen: facts }];
  }
  const certificates = certificatesOf(record).filter(({ kind }) => kind !== 'edge-ca');
  const byThumbprint = new Map(
    certificates.flatMap((each) => [
      [each.sha1Thumbprint, each],
      [each.sha256Thumbprint, each],
    ]),
  );
  // An EST server outside of this app renews identities of the group, and we do not see which certificates it issues.
  const renewedElsewhere = group !== undefined && isRenewedElsewhere(inForce(group).definition);
  const unknown = renewedElsewhere ? [] : seen.thumbprints.filter((thumbprint) => !byThumbprint.has(thumbprint));
  const live = certificates.filter(({ state }) => state === 'live').map(({ sha256Thumbprint }) => sha256Thumbprint);
  const expected = { thumbprints: live };
  if (unknown.length > 0) return [{ kind: 'unknown-certificate', expected, seen: { thumbprints: seen.thumbprints } }];
  const former = seen.thumbprints.flatMap((thumbprint) => byThumbprint.get(thumbprint) ?? []);
  const [old] = former.filter(({ state }) => state !== 'live');
  if (old === undefined) return [];
  const facts = { serialNumber: old.serialNumber, thumbprint: old.sha256Thumbprint, state: old.state };
  return [{ kind: 'superseded-certificate', expected, seen: facts }];
}
