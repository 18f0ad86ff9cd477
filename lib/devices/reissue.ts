import { certificatesOf, formerCertificateNames, supersedeIssued } from './certificates.ts';
import { type Claim, type DeviceRecord, type FailedReissue, type HeldDevice, withEvent } from './device.ts';

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
  const { twin, identity, bundle, registration, enrolled, failedReissue } = predecessor;
  return {
    ...(writtenId !== undefined && { writtenId }),
    enrollmentGroup,
    status,
    statusSince,
    claim: failedReissue?.heldBy ?? claim,
    contentHash,
    serialNumber,
    ...(twin !== undefined && { twin }),
    ...(identity !== undefined && { identity }),
    ...(bundle !== undefined && { bundle }),
    ...(registration !== undefined && { registration }),
    ...(enrolled !== undefined && { enrolled }),
  };
}

/** The device as it works in the field, while a row claims it to issue it again. */
export function inUse(record: DeviceRecord): DeviceRecord {
  return record.before === undefined ? record : { ...withoutIssuance(record), ...record.before };
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
  const { before, serialNumber, claim } = record;
  const history = withEvent(record.history, { at, event: 'failed', detail: code });
  if (before === undefined)
    return { ...record, status: 'failed', statusSince: at, failure: { code, message }, history };
  const kept = `kept certificate ${before.serialNumber}`;
  const restored: DeviceRecord = {
    ...withoutIssuance(record),
    ...before,
    claim,
    failedReissue: { code, message, at, serialNumber, heldBy: before.claim },
    history: withEvent(record.history, { at, event: 'failed', detail: `${code}, ${kept}` }),
  };
  const certificates = supersedeIssued(certificatesOf(record), serialNumber, at);
  // It may have been signed, by a CA of the group that the row named.
  const names = [...(record.formerCertificateNames ?? []), serialNumber.toLowerCase()];
  return {
    ...restored,
    ...withFormerGroup(restored, record.enrollmentGroup),
    certificates,
    formerCertificateNames: formerCertificateNames({ ...restored, certificates, formerCertificateNames: names }),
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
  const { registration: _registration, enrolled: _enrolled, before: _before, ...common } = rest;
  return common;
}
