import type { BundleName, DeviceCertificate } from './certificate.ts';
import {
  certificatesOf,
  formerCertificateNames,
  namesOf,
  supersedeIssued,
  withIssued,
  withUnusedBundle,
} from './certificates.ts';
import { type Claim, type DeviceRecord, type FailedReissue, type HeldDevice, withEvent } from './device.ts';
import { emptyTwin, isEmptyTwin, mergeTwins, type Twin } from './twin.ts';

/**
 * What stays in force while another row claims the device.
 * @param predecessor the record that is taken over
 * @returns undefined for a device that does not work: nothing was issued, it failed, or it was deleted
 */
export function heldWhileClaimed(predecessor: DeviceRecord): HeldDevice | undefined {
  const { status } = predecessor;
  // Taken over from a row that had not ended: what that one held back is still in force.
  if (status !== 'provisioned' && status !== 'assigned') return predecessor.before;
  const { writtenId, enrollmentGroup, statusSince, claim, contentHash, serialNumber } = predecessor;
  const { twin, formerTwin, identity, renewal, bundle, registration, enrolled, unconfirmedSince, failedReissue } =
    predecessor;
  return {
    ...(writtenId !== undefined && { writtenId }),
    enrollmentGroup,
    status,
    statusSince,
    claim: failedReissue?.heldBy ?? claim,
    contentHash,
    serialNumber,
    ...(twin !== undefined && { twin }),
    ...(formerTwin !== undefined && { formerTwin }),
    ...(identity !== undefined && { identity }),
    ...(renewal !== undefined && { renewal }),
    ...(bundle !== undefined && { bundle }),
    ...(registration !== undefined && { registration }),
    ...(enrolled !== undefined && { enrolled }),
    ...(unconfirmedSince !== undefined && { unconfirmedSince }),
  };
}

/** The device as it works in the field, while a row claims it to issue it again. */
export function inUse(record: DeviceRecord): DeviceRecord {
  return record.before === undefined ? record : { ...withoutIssuance(record), ...record.before };
}

/**
 * What the twin of the device at its hub can have of its rows, once another row claims it.
 * @returns undefined when it has nothing: no row gave anything, or the identity at the hub was deleted with its twin
 */
export function formerTwinOf({ status, twin = emptyTwin, formerTwin = emptyTwin }: DeviceRecord): Twin | undefined {
  const given = mergeTwins(formerTwin, twin);
  return status === 'deleted' || status === 'scrapped' || isEmptyTwin(given) ? undefined : given;
}

/** The row that gave the device what it has. */
export function holderOf({ claim, failedReissue }: DeviceRecord): Claim {
  return failedReissue?.heldBy ?? claim;
}

/** Why the latest row of the device failed. @returns undefined when it did not */
export function failureOf({ failure, failedReissue }: DeviceRecord): DeviceRecord['failure'] | FailedReissue {
  return failedReissue ?? failure;
}

/**
 * The record of a device that its row releases, so that another row may claim it. A device that worked before keeps its
 * certificate, bundle and registration.
 */
export function failedRecord(
  record: DeviceRecord,
  { code, message }: Pick<FailedReissue, 'code' | 'message'>,
  at: string,
): DeviceRecord {
  const { before, serialNumber, claim, bundle } = record;
  const history = withEvent(record.history, { at, event: 'failed', detail: code });
  const named = withUnusedBundle(certificatesOf(record), serialNumber, bundle);
  if (before === undefined) {
    const failure = { code, message };
    return {
      ...record,
      ...(named.length > 0 && { certificates: named }),
      status: 'failed',
      statusSince: at,
      failure,
      history,
    };
  }
  const kept = `kept certificate ${before.serialNumber}`;
  const restored: DeviceRecord = {
    ...withoutIssuance(record),
    ...before,
    claim,
    failedReissue: { code, message, at, serialNumber, heldBy: before.claim },
    history: withEvent(record.history, { at, event: 'failed', detail: `${code}, ${kept}` }),
  };
  const certificates = supersedeIssued(named, serialNumber, at);
  // It may have been signed, by a CA of the group that the row named.
  const names = [...(record.formerCertificateNames ?? []), serialNumber.toLowerCase()];
  return {
    ...restored,
    ...withFormerGroup(restored, record.enrollmentGroup),
    certificates,
    formerCertificateNames: formerCertificateNames({ ...restored, certificates, formerCertificateNames: names }),
  };
}

/**
 * The record with certificates that are in a committed archive, and that the device did not get: its row failed, or another one
 * has the device now. They are signed, so they are named like all others.
 * @param issued of one issuance, the identity first
 * @returns the record itself when it names them
 */
export function withUnused(
  record: DeviceRecord,
  issued: readonly DeviceCertificate[],
  bundle: BundleName,
  at: string,
): DeviceRecord {
  const [identity] = issued;
  const certificates = certificatesOf(record);
  const isNamed = certificates.some(({ sha256Thumbprint }) => sha256Thumbprint === identity?.sha256Thumbprint);
  if (identity === undefined || isNamed) return record;
  const isFinal = record.status === 'revoked' || record.status === 'scrapped' || record.status === 'deleted';
  const state = isFinal ? 'revoked' : 'superseded';
  const unused = issued.map((each): DeviceCertificate => ({ ...each, state, since: at }));
  const named = withUnusedBundle(withIssued(certificates, unused, at), identity.serialNumber, bundle);
  // The serial number of a device that was issued nothing is the one that its row had reserved, and so that of this certificate.
  const names = [...formerCertificateNames({ ...record, certificates: named }), ...unused.flatMap(namesOf)];
  return {
    ...record,
    ...withFormerGroup(record, identity.enrollmentGroup),
    certificates: named,
    formerCertificateNames: [...new Set(names)],
  };
}

/** @returns `formerGroups` of a record that was in a group for a while */
export function withFormerGroup(
  { enrollmentGroup, formerGroups = [] }: DeviceRecord,
  group: string,
): Pick<DeviceRecord, 'formerGroups'> {
  if (group === enrollmentGroup || formerGroups.includes(group)) return formerGroups.length > 0 ? { formerGroups } : {};
  return { formerGroups: [...formerGroups, group] };
}

/** The record without what its row asked for or was given. */
function withoutIssuance(record: DeviceRecord): DeviceRecord {
  const { writtenId: _writtenId, twin: _twin, identity: _identity, bundle: _bundle, ...rest } = record;
  const { registration: _registration, enrolled: _enrolled, before: _before, ...others } = rest;
  const { renewal: _renewal, unconfirmedSince: _unconfirmedSince, formerTwin: _formerTwin, ...common } = others;
  return common;
}
