import type { DeviceRecord } from '../../devices/device.ts';
import type { ErrorCode } from '../../errors.ts';
import type { ConflictPolicy } from '../../jobs/job.ts';

/** What a row may do with a device that exists already. */
export type Comparison =
  /** The row itself made the record, in another delivery of this attempt. */
  | { readonly verdict: 'ours' }
  /** Same content, already provisioned: nothing to do. */
  | { readonly verdict: 'unchanged' }
  /** The row may take the record over. */
  | { readonly verdict: 'take-over' }
  /** Another delivery of this attempt has failed the row; so does this one. */
  | { readonly verdict: 'settled'; readonly code: ErrorCode; readonly message: string }
  | { readonly verdict: 'refused'; readonly code: ErrorCode; readonly message: string };

/** Compares the record that is there with the claim that a row wants to lay on it. */
export function compare(existing: DeviceRecord, wanted: DeviceRecord, onConflict: ConflictPolicy): Comparison {
  const { claim } = existing;
  if (claim.jobId === wanted.claim.jobId && claim.line === wanted.claim.line) return compareOwn(existing, wanted);
  if (claim.jobId === wanted.claim.jobId && existing.status !== 'failed') {
    // A row that failed has let go of the device; any other keeps it.
    const message = `The device stands on line ${claim.line} of this manifest already.`;
    return { verdict: 'refused', code: 'device-id-duplicate', message };
  }
  if (existing.status === 'failed') return { verdict: 'take-over' };
  if (existing.status === 'claimed') {
    return {
      verdict: 'refused',
      code: 'device-busy',
      message: `Job ${claim.jobId} is provisioning this device just now.`,
    };
  }
  if (onConflict === 'reissue') return { verdict: 'take-over' };
  if (existing.contentHash === wanted.contentHash) return { verdict: 'unchanged' };
  if (onConflict === 'replace') return { verdict: 'take-over' };
  const message = `The device was provisioned by job ${claim.jobId}, line ${claim.line}, with other content.`;
  return { verdict: 'refused', code: 'device-exists', message };
}

/** The row made the record itself. What one delivery of an attempt has settled, every other delivery of it says too. */
function compareOwn({ claim, status, failure }: DeviceRecord, wanted: DeviceRecord): Comparison {
  if (claim.attempt > wanted.claim.attempt) {
    return { verdict: 'refused', code: 'chunk-superseded', message: 'The row is being tried again already.' };
  }
  if (claim.attempt === wanted.claim.attempt) {
    if (status !== 'failed') return { verdict: 'ours' };
    const { code = 'gave-up', message = 'The row failed in another delivery of its chunk.' } = failure ?? {};
    return { verdict: 'settled', code, message };
  }
  // An earlier attempt: what it has done is done. What it has begun loses its claim, or both would issue.
  return { verdict: status === 'provisioned' || status === 'assigned' ? 'unchanged' : 'take-over' };
}
