import { blockError, isReusable } from '../../devices/blocking.ts';
import { maxUnexpiredCertificates, unexpired } from '../../devices/certificates.ts';
import type { DeviceRecord } from '../../devices/device.ts';
import { failureOf, holderOf } from '../../devices/reissue.ts';
import type { ErrorCode, FleetError } from '../../errors.ts';
import type { ConflictPolicy } from '../../jobs/job.ts';

/** Whether a row may claim a device that has a record. */
export type Comparison =
  /** The record is this row's own claim, made by another delivery of this attempt. */
  | { readonly verdict: 'ours' }
  /** Same content, already provisioned: nothing to do. */
  | { readonly verdict: 'unchanged' }
  /** The row may take the record over. */
  | { readonly verdict: 'take-over' }
  /** Another delivery of this attempt failed the row; so does this one. */
  | { readonly verdict: 'settled'; readonly code: ErrorCode; readonly message: string }
  | { readonly verdict: 'refused'; readonly code: ErrorCode; readonly message: string };

/**
 * Compares the record of a device with the claim that a row proposes.
 * @example
 * compare(provisionedByAnotherJob, claimWithSameContent, 'reject'); // { verdict: 'unchanged' }
 */
export function compare(existing: DeviceRecord, wanted: DeviceRecord, onConflict: ConflictPolicy): Comparison {
  const comparison = compareRecords(existing, wanted, onConflict);
  return comparison.verdict === 'take-over'
    ? (tooManyCertificates(existing, wanted.statusSince) ?? comparison)
    : comparison;
}

/** A record that Cosmos DB refuses would fail the chunk, and the rows of all other devices with it. */
function tooManyCertificates(existing: DeviceRecord, at: string): Comparison | undefined {
  const ends = unexpired(existing, at).map(({ notAfter }) => notAfter);
  if (ends.length < maxUnexpiredCertificates) return undefined;
  const found = `The device has ${ends.length} certificates that have not expired.`;
  const expected = `Expected fewer than ${maxUnexpiredCertificates}.`;
  const message = `${found} ${expected} The next one expires at ${ends.sort()[0]}: retry the job then.`;
  return { verdict: 'refused', code: 'certificate-rule', message };
}

function compareRecords(existing: DeviceRecord, wanted: DeviceRecord, onConflict: ConflictPolicy): Comparison {
  const { claim } = existing;
  if (claim.jobId === wanted.claim.jobId && claim.line === wanted.claim.line) return compareOwn(existing, wanted);
  if (isReusable(existing, wanted.statusSince)) return { verdict: 'take-over' };
  const block = blockOf(existing);
  if (block !== undefined) return { verdict: 'refused', ...block };
  if (claim.jobId === wanted.claim.jobId && existing.status !== 'failed' && failureOf(existing) === undefined) {
    // A row that failed has released the device; any other keeps it.
    const message = `Line ${claim.line} of this manifest names the same device.`;
    return { verdict: 'refused', code: 'device-id-duplicate', message };
  }
  if (existing.status === 'failed' || existing.status === 'deleted') return { verdict: 'take-over' };
  if (existing.status === 'deleting') {
    return beingDeleted;
  }
  if (existing.status === 'claimed') {
    return {
      verdict: 'refused',
      code: 'device-busy',
      message: `Job ${claim.jobId} is provisioning this device.`,
    };
  }
  if (onConflict === 'reissue') return { verdict: 'take-over' };
  const isMissing = existing.enrolled?.missingSince !== undefined;
  if (existing.contentHash === wanted.contentHash && !isMissing) return { verdict: 'unchanged' };
  if (onConflict === 'replace') return { verdict: 'take-over' };
  if (isMissing) {
    const lost = `DPS does not have the individual enrollment of this device (seen at ${existing.enrolled?.missingSince}).`;
    return { verdict: 'refused', code: 'device-exists', message: `${lost} Send the row with onConflict=reissue.` };
  }
  const holder = holderOf(existing);
  const message = `The device was provisioned by job ${holder.jobId}, line ${holder.line}, with other content.`;
  return { verdict: 'refused', code: 'device-exists', message };
}

const beingDeleted = {
  verdict: 'refused',
  code: 'device-busy',
  message: 'The device is being deleted. Repeat its DELETE request if this lasts, then send the row again.',
} as const;

/** The record is the row's own. All deliveries of one attempt give the row the same end. */
function compareOwn(existing: DeviceRecord, wanted: DeviceRecord): Comparison {
  const { claim, status, identity } = existing;
  const failure = failureOf(existing);
  if (claim.attempt > wanted.claim.attempt) {
    return { verdict: 'refused', code: 'chunk-superseded', message: 'A later attempt at this row has begun.' };
  }
  if (claim.attempt === wanted.claim.attempt) {
    const isDeleted = status === 'deleting' || status === 'deleted';
    if (failure === undefined && status !== 'failed' && !(isDeleted && identity === undefined))
      return { verdict: 'ours' };
    const { code = 'gave-up', message = 'The row failed in another delivery of its chunk.' } = failure ?? {};
    return { verdict: 'settled', code, message };
  }
  const block = blockOf(existing);
  if (block !== undefined) return { verdict: 'refused', ...block };
  if (status === 'deleting') return beingDeleted;
  if (failure !== undefined) return { verdict: 'take-over' };
  // An earlier attempt: what it provisioned stays. What it only began loses its claim, or both would issue.
  return { verdict: status === 'provisioned' || status === 'assigned' ? 'unchanged' : 'take-over' };
}

/** Why no row gets the device, and none provisions it again. */
function blockOf(existing: DeviceRecord): Pick<FleetError, 'code' | 'message'> | undefined {
  const error = blockError(existing);
  return error && { code: error.code, message: error.message };
}
