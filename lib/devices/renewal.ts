import { isBlocked } from './blocking.ts';
import type { DeviceCertificate, DeviceIdentity } from './certificate.ts';
import { certificatesOf, formerCertificateNames, revokeAll, withIssued } from './certificates.ts';
import { type DeviceRecord, withEvent } from './device.ts';
import { renewalIssued } from './renewal-plan.ts';

/**
 * A request of a device to the EST server, and the certificate that answers it. It is stored before anything is signed, so the
 * record names every certificate, and a request that is delivered twice is answered by the same one.
 */
export interface Renewal {
  readonly kind: DeviceCertificate['kind'];
  /** SHA-256 of the request (PKCS#10, DER), lower-case hex. */
  readonly requestSha256: string;
  /** Hex. */
  readonly serialNumber: string;
  /** Generation of the CA that signs (`IssuingCa.generation`). 0: the CA of `est.idCa` "separate". */
  readonly caGeneration: number;
  /** When it was stored: ISO 8601, UTC. */
  readonly reservedAt: string;
  /** Since when a delivery works on it: ISO 8601, UTC. Another one takes it up when that is long ago. */
  readonly workSince: string;
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  /** ISO 8601, UTC. */
  readonly notAfter: string;
  /** The certificate, PEM. Absent until it is signed and recorded. */
  readonly certificatePem?: string;
}

/** The record with a request that is about to be answered. The serial number finds the device from now on. */
export function reserved(record: DeviceRecord, renewal: Renewal): DeviceRecord {
  const others = (record.renewals ?? []).filter(({ kind }) => kind !== renewal.kind);
  const names = [...(record.formerCertificateNames ?? []), renewal.serialNumber.toLowerCase()];
  const formerNames = formerCertificateNames({ ...record, formerCertificateNames: [...new Set(names)] });
  return { ...record, renewals: [...others, renewal], formerCertificateNames: formerNames };
}

/** A certificate that answers a request. */
export interface Renewed extends DeviceIdentity {
  readonly certificatePem: string;
}

/**
 * The record with the certificate that answers a request. A renewed identity is the present one from now on, and the one
 * before it stays live until a registration confirms the new one: a device whose registration fails comes back with that.
 *
 * A device that was blocked meanwhile does not get the certificate. It is named all the same, since it was signed.
 */
export function renewed(
  record: DeviceRecord,
  renewal: Renewal,
  { certificatePem, ...identity }: Renewed,
  at: string,
): DeviceRecord {
  const { kind, serialNumber, requestSha256, caGeneration } = renewal;
  const certificate: DeviceCertificate = {
    kind,
    serialNumber,
    ...identity,
    enrollmentGroup: record.enrollmentGroup,
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
  const renewals = [...others, { ...renewal, certificatePem }];
  if (isBlocked(record)) {
    return named({ ...record, certificates: revokeAll(certificates, at), renewals: others, history });
  }
  if (kind !== 'identity') {
    return named({ ...record, certificates: supersedeOlder(certificates, kind, at), renewals, history });
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

function named(record: DeviceRecord): DeviceRecord {
  return { ...record, formerCertificateNames: formerCertificateNames(record) };
}

/** Certificates of a kind with which a device may come back: it uses the newest when it has stored it. */
const liveKept = 2;

/** Marks all but the newest two live certificates of a kind as superseded. */
function supersedeOlder(
  certificates: readonly DeviceCertificate[],
  kind: DeviceCertificate['kind'],
  at: string,
): readonly DeviceCertificate[] {
  const live = certificates.filter((each) => each.kind === kind && each.state === 'live');
  return supersede(certificates, live.slice(liveKept), at);
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
 * the place of it.
 */
export function isGood({ state }: DeviceCertificate, record: DeviceRecord): boolean {
  if (state !== 'superseded') return state === 'live';
  const present = certificatesOf(record).find(({ serialNumber }) => serialNumber === record.serialNumber);
  return present !== undefined && present.state === 'live' && present.confirmedAt === undefined;
}
