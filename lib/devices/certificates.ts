import type { BundleName, DeviceCertificate, DeviceIdentity } from './certificate.ts';
import type { DeviceRecord, Registration } from './device.ts';

/** Expired certificates that a record keeps at least. Those that have not expired are all kept. */
const expiredKept = 20;

/** Names of serial numbers that were reserved and never used, and of expired certificates: three per certificate. */
const otherNamesKept = 30;

/**
 * The certificates of a device that the record names, newest first: every one that has not expired, and the latest 20. A
 * record of an earlier version has no list; it names its present certificate and former ones.
 */
export function certificatesOf(record: DeviceRecord): readonly DeviceCertificate[] {
  const {
    certificates,
    formerCertificates = [],
    identity,
    serialNumber,
    enrollmentGroup,
    status,
    statusSince,
  } = record;
  if (certificates !== undefined) return certificates;
  const kind = 'identity' as const;
  const former = formerCertificates.map(
    ({ status: state, ...each }): DeviceCertificate => ({ kind, enrollmentGroup, ...each, state }),
  );
  if (identity === undefined) return former;
  const { assignedHub, at: registeredAt } = record.registration ?? {};
  const present: DeviceCertificate = {
    kind,
    serialNumber,
    ...identity,
    enrollmentGroup,
    state: presentState(status),
    since: statusSince,
    ...(registeredAt !== undefined && { registeredAt }),
    ...(assignedHub !== undefined && { assignedHub }),
  };
  return [present, ...former];
}

/** The bundle of a device that failed was never handed out. */
function presentState(status: DeviceRecord['status']): DeviceCertificate['state'] {
  if (status === 'deleted') return 'revoked';
  return status === 'failed' ? 'superseded' : 'live';
}

/**
 * Certificates that have not expired and that one record names. Each takes at most 1 KB with its names, so a record stays
 * below 1.2 MB. Cosmos DB refuses an item of more than 2 MB.
 * https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-item-limits
 */
export const maxUnexpiredCertificates = 1000;

/** @returns the certificates that have not expired, newest first. @param at ISO 8601, UTC */
export function unexpired(record: DeviceRecord, at: string): readonly DeviceCertificate[] {
  return certificatesOf(record).filter(({ notAfter }) => notAfter >= at);
}

/** @returns every bundle of the device that has to be erased when the device is gone */
export function bundlesOf(record: DeviceRecord): readonly BundleName[] {
  const unused = certificatesOf(record).flatMap(({ unusedBundle }) => unusedBundle ?? []);
  return record.bundle === undefined ? unused : [record.bundle, ...unused];
}

/** @returns the certificates, with the bundle of the identity that has the serial number noted as one that nothing hands out */
export function withUnusedBundle(
  certificates: readonly DeviceCertificate[],
  serialNumber: string,
  bundle: BundleName | undefined,
): readonly DeviceCertificate[] {
  if (bundle === undefined) return certificates;
  const { archive, fileName } = bundle;
  const unusedBundle = { archive, fileName };
  return certificates.map((each) => (each.serialNumber === serialNumber ? { ...each, unusedBundle } : each));
}

/** @returns the certificates that the device had before its present one, newest first */
export function formerIdentities(record: DeviceRecord): readonly DeviceCertificate[] {
  const isPresent = ({ serialNumber }: DeviceCertificate) => serialNumber === record.serialNumber;
  return certificatesOf(record).filter((each) => each.kind === 'identity' && !isPresent(each));
}

/**
 * Adds certificates that were issued. They do not supersede the others yet (`supersedeOthers`).
 * @param at now: certificates that have expired by then can be dropped
 */
export function withIssued(
  certificates: readonly DeviceCertificate[],
  issued: readonly DeviceCertificate[],
  at: string,
): readonly DeviceCertificate[] {
  const names = new Set(issued.map(({ sha256Thumbprint }) => sha256Thumbprint));
  const others = certificates.filter(({ sha256Thumbprint }) => !names.has(sha256Thumbprint));
  return [...issued, ...others].filter(({ notAfter }, index) => index < expiredKept || notAfter >= at);
}

/** Tells the certificates of one issuance: the identity with the serial number, and what was issued with it. */
function issuedAs(serialNumber: string): (certificate: DeviceCertificate) => boolean {
  return (certificate) => (certificate.issuedWith ?? certificate.serialNumber) === serialNumber;
}

/** Marks all certificates as superseded that are `live` and not of the issuance with this serial number. */
export function supersedeOthers(
  certificates: readonly DeviceCertificate[],
  serialNumber: string,
  at: string,
): readonly DeviceCertificate[] {
  const isPresent = issuedAs(serialNumber);
  return certificates.map((each) =>
    each.state === 'live' && !isPresent(each) ? { ...each, state: 'superseded', since: at } : each,
  );
}

/** Marks all identities as superseded that are `live` and have another serial number. */
function supersedeIdentities(
  certificates: readonly DeviceCertificate[],
  serialNumber: string,
  at: string,
): DeviceCertificate[] {
  return certificates.map((each) =>
    each.kind === 'identity' && each.state === 'live' && each.serialNumber !== serialNumber
      ? { ...each, state: 'superseded', since: at }
      : each,
  );
}

/** Marks the certificates of the issuance with this serial number as superseded. */
export function supersedeIssued(
  certificates: readonly DeviceCertificate[],
  serialNumber: string,
  at: string,
): readonly DeviceCertificate[] {
  const isOfIssuance = issuedAs(serialNumber);
  return certificates.map((each) =>
    each.state === 'live' && isOfIssuance(each) ? { ...each, state: 'superseded', since: at } : each,
  );
}

/**
 * Notes that the device has registered with the present certificates. A renewed identity supersedes those before it only now.
 * @param at when that was seen: ISO 8601, UTC
 */
export function confirm(record: DeviceRecord, registration: Registration, at: string): DeviceCertificate[] {
  const isPresent = issuedAs(record.serialNumber);
  const confirmed = noteRegistration(record, record.serialNumber, registration).map((each) =>
    isPresent(each) ? { ...each, confirmedAt: each.confirmedAt ?? at } : each,
  );
  return record.unconfirmedSince === undefined ? confirmed : supersedeIdentities(confirmed, record.serialNumber, at);
}

/** Notes when the device registered, and at which hub, on the certificates of the issuance with this serial number. */
export function noteRegistration(
  record: DeviceRecord,
  serialNumber: string,
  { assignedHub, at: registeredAt }: Registration,
): DeviceCertificate[] {
  const isUsed = issuedAs(serialNumber);
  const seen = {
    ...(assignedHub !== undefined && { assignedHub }),
    ...(registeredAt !== undefined && { registeredAt }),
  };
  return certificatesOf(record).map((each) => (isUsed(each) ? { ...each, ...seen } : each));
}

/** How far the clocks of this app and of DPS may be apart, in milliseconds. */
const clockSkew = 60_000;

/**
 * Whether a registration counts for the present certificate of the device. DPS does not say which certificate a device
 * registered with, so time decides: one that was known before the certificate was issued, or is older than it, does not count.
 */
export function countsForPresent(record: DeviceRecord, { at }: Registration): boolean {
  if (at === undefined) return true;
  const registeredAt = Date.parse(at);
  const isPresent = issuedAs(record.serialNumber);
  return certificatesOf(record).every((each) =>
    isPresent(each)
      ? registeredAt >= Date.parse(each.since) - clockSkew
      : each.registeredAt === undefined || registeredAt > Date.parse(each.registeredAt),
  );
}

/** Marks all certificates as revoked. */
export function revokeAll(certificates: readonly DeviceCertificate[], at: string): readonly DeviceCertificate[] {
  return certificates.map((each) => (each.state === 'revoked' ? each : { ...each, state: 'revoked', since: at }));
}

/**
 * The names by which a record is found, besides those of its present identity: serial numbers, SHA-1 and SHA-256 thumbprints of
 * all its other certificates, and the latest others that it had.
 * @returns `formerCertificateNames` of the record
 */
export function formerCertificateNames(record: DeviceRecord): readonly string[] {
  const isPresent = ({ serialNumber }: DeviceCertificate) => serialNumber === record.serialNumber;
  const former = certificatesOf(record).filter((each) => !isPresent(each));
  const names = new Set(former.flatMap(namesOf));
  const others = (record.formerCertificateNames ?? []).filter((name) => !names.has(name)).slice(-otherNamesKept);
  return [...others, ...names];
}

/** @returns `formerCertificateNames` of the record that takes the place of this one */
export function inheritedCertificateNames(predecessor: DeviceRecord): readonly string[] {
  const { serialNumber, identity } = predecessor;
  const present = identity === undefined ? [serialNumber.toLowerCase()] : namesOf({ serialNumber, ...identity });
  const names = formerCertificateNames(predecessor).filter((name) => !present.includes(name));
  return [...names, ...present];
}

/** @returns serial number and thumbprints, as `formerCertificateNames` of a record has them */
export function namesOf(certificate: DeviceIdentity & { readonly serialNumber: string }): string[] {
  const { serialNumber, sha1Thumbprint, sha256Thumbprint } = certificate;
  return [serialNumber, sha1Thumbprint, sha256Thumbprint].map((name) => name.toLowerCase());
}
