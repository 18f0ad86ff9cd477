import { audited } from '../audit/audit.ts';
import { certificateSha256 } from '../audit/certificates.ts';
import type { CertificateAuthority } from '../authorities/certificate-authority.ts';
import { estCaGeneration, issuingCaAtEst } from '../authorities/est-cas.ts';
import { blockError } from '../devices/blocking.ts';
import type { Renewal } from '../devices/certificate.ts';
import { certificatesOf } from '../devices/certificates.ts';
import type { DeviceRecord } from '../devices/device.ts';
import { renewed, reserved, supersedeEstIdsBefore } from '../devices/renewal.ts';
import type { RenewalRate } from '../devices/renewal-rate.ts';
import { FleetError, orFleetError } from '../errors.ts';
import { alternativeNamesOf } from '../groups/alternative-names.ts';
import { type GroupRecord, type IssuingCa, isInUse } from '../groups/group.ts';
import { jitterDaysOf } from '../groups/validity-jitter.ts';
import { currentLog } from '../log.ts';
import { alternativeNameOf } from '../pki/alternative-name.ts';
import type { IssuedCertificate } from '../pki/device-issuer.ts';
import { type EnrollmentRequest, readEnrollmentRequest } from '../pki/est-request.ts';
import { issueRenewal, validityOf } from '../pki/renewal-issuer.ts';
import { newSerialNumber } from '../pki/serial.ts';
import { spreadEnd } from '../pki/spread.ts';
import type { Versioned } from '../storage.ts';
import { currentTraceId } from '../telemetry.ts';
import { applyRegistrations } from './apply-registrations.ts';
import { changeDevice } from './change-device.ts';
import { type EstCall, type EstCaller, estCaller, presentedBy, refused } from './est-caller.ts';
import type { Ports } from './ports.ts';
import { checkLimits } from './renewal-limits.ts';

export type RenewPorts = Pick<
  Ports,
  | 'devices'
  | 'delegatedCas'
  | 'groups'
  | 'enrollments'
  | 'identities'
  | 'twins'
  | 'registryRateLimiter'
  | 'announceAssigned'
  | 'audit'
  | 'findings'
  | 'deployment'
  | 'now'
  | 'retry'
> & {
  readonly authority: Pick<CertificateAuthority, 'open'>;
  readonly renewalRate: RenewalRate;
};

/** A request for a certificate. */
export interface EnrollCall extends EstCall {
  /** PKCS#10: base64 of DER, or PEM. */
  readonly body: Buffer;
}

/**
 * Issues the certificate that a device asks the EST server for: an identity, an est-id or an Edge CA.
 *
 * | | step | what is written | after a crash |
 * | --- | --- | --- | --- |
 * | 1 | Find the device by its client certificate, and check it. | nothing | the device asks again |
 * | 2 | Reserve: the request with its serial number goes on the record. | the record, by ETag | the same request takes it up |
 * | 3 | Sign, between intent and result in the audit trail. | two audit entries | signed again with the same content |
 * | 4 | Record the certificate, with its text. | the record, by ETag | the same request gets it |
 *
 * A request that is delivered twice gets the same certificate.
 * @returns the certificate, PEM
 * @throws FleetError `renewal-refused`, `csr-invalid`, `renewal-too-often`, `device-suspended`, `device-revoked`, `device-busy`;
 * `throttled`, `unavailable`
 */
export async function renewCertificate(call: EnrollCall, ports: RenewPorts): Promise<string> {
  const caller = await estCaller(call, ports);
  const request = readEnrollmentRequest(call.body, caller.record.value.id);
  checkKind(request, caller);
  const reservation = await reserve(request, call, caller, ports);
  if (reservation.certificatePem !== undefined) return reservation.certificatePem;
  const { id: deviceId } = caller.record.value;
  const { kind, serialNumber, requestSha256 } = reservation;
  const ca = caOf(reservation, await groupNow(caller, ports));
  const act = {
    action: 'renew-certificate',
    by: deviceId,
    subject: { deviceId, enrollmentGroup: caller.group.value.id },
    trace: currentTraceId(),
    details: {
      kind,
      serialNumber,
      requestSha256,
      presented: caller.presented.serialNumber,
      caGeneration: ca.generation,
    },
  } as const;
  return audited(ports.audit, act, async (note) => {
    const content = {
      ...{ kind, deviceId, key: request.key, serialNumber, reservedAt: new Date(reservation.reservedAt) },
      ...{ notBefore: new Date(reservation.notBefore), notAfter: new Date(reservation.notAfter) },
      alternativeName: reservation.alternativeName,
    };
    const issued = await issueRenewal(content, await ports.authority.open(ca));
    note({ certificateSha256: issued.sha256Thumbprint, caSha256: certificateSha256(ca.certificatePem) });
    return recordRenewed(deviceId, reservation, issued, ports);
  });
}

/** The group as it is now, which has a CA that was made for this request. */
async function groupNow({ group: { value } }: EstCaller, { groups }: RenewPorts): Promise<GroupRecord> {
  return (await groups.directory()).get(value.id)?.value ?? value;
}

/** @throws FleetError `renewal-refused` for a certificate that the group does not give */
function checkKind({ kind }: EnrollmentRequest, { definition: { edgeCa, id }, est }: EstCaller): void {
  if (kind === 'identity' && !est.identity)
    throw refused(`Group "${id}" does not renew identities here (its setting est.identity).`);
  if (kind === 'edge-ca' && edgeCa !== 'est')
    throw refused(`Group "${id}" does not issue Edge CAs here (its setting edgeCa).`);
}

/** How long a reservation belongs to the delivery that made it, in milliseconds. Signing takes some hundred. */
const workMs = 15_000;
/** Milliseconds between two looks at the work of another delivery, and how many of them there are. */
const lookMs = 250;
const maxLooks = (2 * workMs) / lookMs;

/**
 * Writes the request on the record of the device before anything is signed for it.
 * @returns the reservation, with the certificate when the request was answered before
 */
async function reserve(request: EnrollmentRequest, { leaf }: EnrollCall, caller: EstCaller, ports: RenewPorts) {
  const { devices, now, retry } = ports;
  const ca = await issuerOf(request, caller, ports);
  let { record } = caller;
  let hasAsked = false;
  for (let looks = 0; looks < maxLooks; looks++) {
    const presented = presentedBy(record.value, leaf, caller.group.value.id);
    const at = now();
    const answer = answerTo(request, record.value, at);
    // DPS has its CA no more: the same request then gets another certificate.
    const known = answer !== undefined && isIssuing(answer, caller.group.value) ? answer : undefined;
    if (known?.certificatePem !== undefined) return known;
    const isAtWork = known !== undefined && at.getTime() - Date.parse(known.workSince) < workMs;
    if (isAtWork) {
      await retry.sleep(lookMs);
    } else if (request.kind === 'identity' && record.value.unconfirmedSince !== undefined && !hasAsked) {
      // Of the identities before the new one, the one that registered last stays good. It may have registered just now.
      hasAsked = true;
      await confirmIfRegistered(record, caller, ports);
    } else {
      if (known === undefined) await checkLimits(request.kind, { ...caller, record }, ports);
      const workSince = at.toISOString();
      const reservation = known === undefined ? newRenewal(request, ca, caller, at) : { ...known, workSince };
      const value = supersedeEstIdsBefore(reserved(record.value, reservation), presented, workSince);
      const { conflicts } = await devices.replace([{ value, etag: record.etag }]);
      if (conflicts.length === 0) return reservation;
    }
    const latest = (await devices.read([record.value.id])).get(record.value.id);
    if (latest === undefined) throw refused(`There is no device "${record.value.id}".`);
    record = latest;
  }
  throw new FleetError('unavailable', 'Another delivery of this request is still at work.');
}

/**
 * The answer to the same request (same key, same text) that was given before, or is about to be. A client
 * that keeps its RSA key makes the same request at each renewal, so one that comes in the second half of the life of its answer
 * is a new one.
 * @throws FleetError `renewal-refused` when the device has asked for another certificate since: its answer is not kept
 */
function answerTo({ kind, sha256 }: EnrollmentRequest, record: DeviceRecord, at: Date): Renewal | undefined {
  const ofKind = record.renewals?.find((each) => each.kind === kind);
  if (ofKind?.before?.includes(sha256)) throw refused('The device has made another request since. Make a new one.');
  const latest = ofKind?.requestSha256 === sha256 ? ofKind : undefined;
  if (latest !== undefined && latest.certificatePem === undefined) {
    return isRenewalOf(latest.reservedAt, latest.notAfter, at) ? undefined : latest;
  }
  const answer = certificatesOf(record).find(({ request }) => request?.sha256 === sha256);
  if (answer === undefined) return undefined;
  const { serialNumber, state, since, notAfter } = answer;
  const wasAnswered = `This request was answered by certificate ${serialNumber}`;
  if (state !== 'live') throw refused(`${wasAnswered}, which is ${state} since ${since}. Make a new request.`);
  if (isRenewalOf(answer.request?.at ?? since, notAfter, at)) return undefined;
  if (latest === undefined) throw refused(`${wasAnswered}, before a later request. Make a new request.`);
  return latest;
}

/** Whether a request comes in the second half of the life of its answer. @param from when it was answered */
function isRenewalOf(from: string, notAfter: string, at: Date): boolean {
  return at.getTime() > (Date.parse(from) + Date.parse(notAfter)) / 2;
}

function newRenewal({ kind, sha256 }: EnrollmentRequest, ca: IssuingCa, caller: EstCaller, at: Date): Renewal {
  const { definition, group, record } = caller;
  const { validityDays } = definition;
  const { notBefore, notAfter: latestEnd } = validityOf(at, validityDays, kind, ca);
  const jitterDays = jitterDaysOf(definition, group.value.deviceScale ?? 0);
  const notAfter = spreadEnd(record.value.id, { now: at, notAfter: latestEnd, validityDays, jitterDays });
  const names = kind === 'identity' ? alternativeNamesOf(definition) : undefined;
  // A device from before the setting, with an id that is not a host name, goes on without: it would be locked out.
  const alternativeName = names && alternativeNameOf(names, record.value.id);
  return {
    kind,
    requestSha256: sha256,
    serialNumber: newSerialNumber(),
    enrollmentGroup: definition.id,
    caGeneration: ca.generation,
    ...(alternativeName !== undefined && { alternativeName }),
    reservedAt: at.toISOString(),
    workSince: at.toISOString(),
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
  };
}

/** The CA that signs a new certificate of this kind. */
async function issuerOf({ kind }: EnrollmentRequest, { group, est }: EstCaller, ports: RenewPorts): Promise<IssuingCa> {
  if (kind === 'est-id' && est.idCa === 'separate') return ports.groups.ensureEstCa(group.value.id);
  const ca = issuingCaAtEst(group.value, ports.now());
  if (ca !== undefined) return ca;
  throw new FleetError('ca-missing', `Group "${group.value.id}" has no issuing CA.`);
}

/** Whether certificates of the CA of a reservation are handed out. */
function isIssuing({ caGeneration }: Renewal, group: GroupRecord): boolean {
  return caGeneration === estCaGeneration || isInUse(group, caGeneration);
}

/** The CA that a reservation was made for. @throws FleetError `renewal-refused` when the group has it no more */
function caOf({ caGeneration }: Renewal, { id, issuingCas, accepted, estCa }: GroupRecord): IssuingCa {
  const all = [...issuingCas, ...(accepted?.issuingCas ?? []), ...(estCa === undefined ? [] : [estCa])];
  const ca = all.find(({ generation }) => generation === caGeneration);
  if (ca !== undefined) return ca;
  throw refused(`Group "${id}" issues by another CA now. Make a new request.`);
}

/** Asks DPS and the hub whether the device uses its renewed identity. Nothing is lost when they do not answer. */
async function confirmIfRegistered(
  record: Versioned<DeviceRecord>,
  { group }: EstCaller,
  ports: RenewPorts,
): Promise<void> {
  const { id: deviceId } = record.value;
  const registration = await orFleetError(() => ports.enrollments.registration(deviceId));
  if (registration instanceof FleetError) {
    currentLog().warn('registration not read', { device: deviceId, code: registration.code });
  } else if (registration !== undefined) {
    await applyRegistrations([{ deviceId, registration }], new Map([[deviceId, record]]), group.value, ports);
  }
}

/**
 * Writes the certificate on the record.
 * @returns it, PEM
 * @throws FleetError `device-suspended`, `device-revoked` when the device was blocked meanwhile: it does not get the certificate;
 * `renewal-refused` when it has made another request meanwhile
 */
async function recordRenewed(
  deviceId: string,
  reservation: Renewal,
  { certificatePem, sha1Thumbprint, sha256Thumbprint }: IssuedCertificate,
  ports: RenewPorts,
): Promise<string> {
  const { serialNumber, notBefore, notAfter, caGeneration } = reservation;
  const certificate = { certificatePem, sha1Thumbprint, sha256Thumbprint, notBefore, notAfter };
  let answer: string | undefined;
  const stored = await changeDevice(deviceId, ports, (latest) => {
    const own = latest.renewals?.find((each) => each.serialNumber === serialNumber);
    // Another delivery may have recorded it. Its signature can differ, so the device gets that one.
    answer = own && (own.certificatePem ?? certificatePem);
    const isNamed = certificatesOf(latest).some((each) => each.serialNumber === serialNumber);
    return isNamed ? latest : renewed(latest, reservation, certificate, ports.now().toISOString());
  });
  const block = blockError(stored);
  if (block !== undefined) throw block;
  const isLive = certificatesOf(stored).some((each) => each.serialNumber === serialNumber && each.state === 'live');
  if (answer === undefined || !isLive)
    throw refused('The device was changed, or has made another request, since this one. Make a new request.');
  // After the record: either this sees that the CA leaves DPS, or the gate of the rollover counts this device.
  const { value: group } = await ports.groups.latest(stored.enrollmentGroup);
  if (isIssuing(reservation, group)) return answer;
  throw refused(`CA ${caGeneration} of group "${group.id}" has just left DPS. Make a new request.`);
}
