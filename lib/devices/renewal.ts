import type { DeviceCertificate, DeviceIdentity, Renewal } from './certificate.ts';
import { certificatesOf, formerCertificateNames, withIssued } from './certificates.ts';
import { type DeviceRecord, withEvent } from './device.ts';
import { renewalIssued } from './renewal-plan.ts';

/** Requests that a renewal keeps in `before`: as many as a device makes in a period at most (lib/pipeline/renewal-limits.ts). */
const beforeKept = 10;

/** The record with a request that is about to be answered. The serial number finds the device from now on. */
export function reserved(record: DeviceRecord, renewal: Renewal): DeviceRecord {
  const others = (record.renewals ?? []).filter(({ kind }) => kind !== renewal.kind);
  const known = record.renewals?.find(({ kind }) => kind === renewal.kind);
  const isUnanswered = known !== undefined && known.certificatePem === undefined;
  const unanswered = isUnanswered ? [known.requestSha256, ...(known.before ?? [])] : (known?.before ?? []);
  const before = unanswered.filter((sha256) => sha256 !== renewal.requestSha256).slice(0, beforeKept);
  const names = [...(record.formerCertificateNames ?? []), renewal.serialNumber.toLowerCase()];
  const formerNames = formerCertificateNames({ ...record, formerCertificateNames: [...new Set(names)] });
  return {
    ...record,
    renewals: [...others, { ...renewal, ...(before.length > 0 && { before }) }],
    formerCertificateNames: formerNames,
  };
}

/** A certificate that answers a request. */
export interface Renewed extends DeviceIdentity {
  readonly certificatePem: string;
}

/**
 * The record with the certificate that answers a request. A renewed identity is the present one from now on, and the one
 * before it stays live until a registration confirms the new one: a device whose registration fails comes back with that.
 *
 * A device that was blocked meanwhile, that a job claimed or moved to another group, or that has made another request, does not
 * get the certificate. It is named all the same, since it was signed.
 */
export function renewed(
  record: DeviceRecord,
  renewal: Renewal,
  { certificatePem, ...identity }: Renewed,
  at: string,
): DeviceRecord {
  const { kind, serialNumber, requestSha256, enrollmentGroup, caGeneration } = renewal;
  const certificate: DeviceCertificate = {
    kind,
    serialNumber,
    ...identity,
    enrollmentGroup,
    caGeneration,
    keyMadeBy: 'device',
    state: 'live',
    since: at,
    request: { sha256: requestSha256, at },
  };
  const held = certificatesOf(record);
  const certificates = withIssued(held, [certificate], at);
  const history = withEvent(record.history, { at, event: 'renewed', detail: `${kind} ${serialNumber}` });
  const others = (record.renewals ?? []).filter((each) => each.kind !== kind);
  const reservation = record.renewals?.find((each) => each.serialNumber === serialNumber) ?? renewal;
  const renewals = [...others, { ...reservation, certificatePem }];
  if (!isAwaiting(record, renewal)) {
    const unused = { ...certificate, state: isFinal(record) ? 'revoked' : 'superseded' } as const;
    const left = (record.renewals ?? []).filter((each) => each.serialNumber !== serialNumber);
    return named({ ...record, certificates: withIssued(held, [unused], at), renewals: left, history });
  }
  if (kind !== 'identity') {
    return named({ ...record, certificates: supersedeUnused(certificates, kind, at), renewals, history });
  }
  const plan = renewalIssued(record, identity, at);
  return named({
    ...record,
    serialNumber,
    identity,
    ...(plan !== undefined && { renewal: plan }),
    certificates: supersedeUnconfirmed(certificates, serialNumber, at),
    renewals,
    unconfirmedSince: at,
    history,
  });
}

/** Whether the device still gets what it asked for. */
function isAwaiting({ status, enrollmentGroup, renewals }: DeviceRecord, renewal: Renewal): boolean {
  const isInUse = status === 'provisioned' || status === 'assigned';
  const latest = renewals?.find(({ kind }) => kind === renewal.kind);
  return isInUse && enrollmentGroup === renewal.enrollmentGroup && latest?.serialNumber === renewal.serialNumber;
}

function isFinal({ status }: DeviceRecord): boolean {
  return status === 'revoked' || status === 'scrapped' || status === 'deleted';
}

function named(record: DeviceRecord): DeviceRecord {
  return { ...record, formerCertificateNames: formerCertificateNames(record) };
}

/**
 * Marks live certificates of a kind as superseded until two are: the newest, and the oldest. The device signs in with the
 * oldest one, since `supersedeEstIdsBefore` has taken those before it. It never used one in between: the answer was lost.
 */
function supersedeUnused(
  certificates: readonly DeviceCertificate[],
  kind: DeviceCertificate['kind'],
  at: string,
): readonly DeviceCertificate[] {
  const live = certificates.filter((each) => each.kind === kind && each.state === 'live');
  return supersede(certificates, live.slice(1, -1), at);
}

/**
 * Marks identities as superseded until two are live: the new one, and of those before it the one that registered last. An
 * identity with which no registration was seen is the first to go.
 */
function supersedeUnconfirmed(
  certificates: readonly DeviceCertificate[],
  serialNumber: string,
  at: string,
): readonly DeviceCertificate[] {
  const before = certificates.filter(
    (each) => each.kind === 'identity' && each.state === 'live' && each.serialNumber !== serialNumber,
  );
  const kept = before.find(({ confirmedAt }) => confirmedAt !== undefined) ?? before[0];
  const others = before.filter((each) => each !== kept);
  return supersede(certificates, others, at);
}

/**
 * Whether the device shows by a registration that it has this identity and not the present one. A request that it gave up can be
 * answered after the one that it made next: then the newest certificate is one that it never got.
 */
export function isShownByUse(record: DeviceRecord, { request, confirmedAt, state }: DeviceCertificate): boolean {
  return (
    request !== undefined && confirmedAt === undefined && (record.unconfirmedSince !== undefined || state === 'live')
  );
}

/** The record with the identity that the device uses as the present one. The one that was awaited stays live: it may come. */
export function withPresent(record: DeviceRecord, used: DeviceCertificate, at: string): DeviceRecord {
  const { serialNumber, sha1Thumbprint, sha256Thumbprint, notBefore, notAfter } = used;
  const certificates = certificatesOf(record).map((each) =>
    each.serialNumber === serialNumber && each.state !== 'live' ? { ...each, state: 'live' as const, since: at } : each,
  );
  const identity = { sha1Thumbprint, sha256Thumbprint, notBefore, notAfter };
  const plan = renewalIssued(record, identity, at);
  // Its confirmation replaces the one before, also where nothing was awaited any more.
  const unconfirmedSince = record.unconfirmedSince ?? at;
  return named({
    ...record,
    unconfirmedSince,
    serialNumber,
    identity,
    certificates,
    ...(plan !== undefined && { renewal: plan }),
  });
}

/**
 * The record of a device that has registered with another renewed identity than the one that was awaited. That one stays live,
 * and is awaited still: the device can have it by now, and registers with it next. One that was confirmed itself has been replaced.
 */
export function stillAwaited(record: DeviceRecord, serialNumber: string, since: string): DeviceRecord {
  const certificates = certificatesOf(record);
  const isAwaited = (each: DeviceCertificate) =>
    each.serialNumber === serialNumber && each.state === 'superseded' && each.confirmedAt === undefined;
  if (!certificates.some(isAwaited)) return record;
  return {
    ...record,
    unconfirmedSince: since,
    certificates: certificates.map((each) => (isAwaited(each) ? { ...each, state: 'live' } : each)),
  };
}

/** Whether the device uses its present identity, and can still register with one that was issued after that. */
export function awaitsAnother(record: DeviceRecord): boolean {
  if (record.unconfirmedSince === undefined) return false;
  const present = certificatesOf(record).find(({ serialNumber }) => serialNumber === record.serialNumber);
  return present?.confirmedAt !== undefined;
}

/**
 * How long another identity than the present one is awaited, in milliseconds. A device registers with a new identity at once, and
 * tries for as long as DPS throttles it. After a day the timer looks for it no more: the device probably never got it. It stays live, and a
 * sweep of DPS finds it if the device has it after all.
 */
const awaitedAtMost = 24 * 60 * 60 * 1000;

/** @returns the record that awaits no other identity any more; undefined while it awaits one, or has not. @param at ISO 8601, UTC */
export function endOfWaiting(record: DeviceRecord, at: string): DeviceRecord | undefined {
  const { unconfirmedSince, ...others } = record;
  if (unconfirmedSince === undefined || !awaitsAnother(record)) return undefined;
  return Date.parse(at) - Date.parse(unconfirmedSince) > awaitedAtMost ? others : undefined;
}

/** Marks the est-ids that are older than the one that the device presents as superseded: it has stored that one. */
export function supersedeEstIdsBefore(record: DeviceRecord, presented: DeviceCertificate, at: string): DeviceRecord {
  if (presented.kind !== 'est-id') return record;
  const held = certificatesOf(record);
  const older = held.slice(held.indexOf(presented) + 1).filter(isLiveEstId);
  return older.length === 0 ? record : { ...record, certificates: supersede(held, older, at) };
}

const isLiveEstId = ({ kind, state }: DeviceCertificate) => kind === 'est-id' && state === 'live';

function supersede(
  certificates: readonly DeviceCertificate[],
  some: readonly DeviceCertificate[],
  at: string,
): readonly DeviceCertificate[] {
  return certificates.map((each) => (some.includes(each) ? { ...each, state: 'superseded', since: at } : each));
}

/**
 * Whether a certificate of the device can still be used: it is live, or the device has not yet shown that it has what took
 * the place of it. A certificate from before one that the device has used is not good again while a newer one is awaited.
 */
export function isGood(certificate: DeviceCertificate, record: DeviceRecord): boolean {
  if (certificate.state !== 'superseded') return certificate.state === 'live';
  const held = certificatesOf(record);
  const present = held.find(({ serialNumber }) => serialNumber === record.serialNumber);
  const isAwaited = present !== undefined && present.state === 'live' && present.confirmedAt === undefined;
  const newer = held.slice(0, held.indexOf(certificate)).filter(({ kind }) => kind === certificate.kind);
  return isAwaited && !newer.some((each) => each.confirmedAt !== undefined || isLiveEstId(each));
}
