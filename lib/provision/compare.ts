import type { DeviceRecord } from '../devices/device.ts';
import type { ErrorCode } from '../errors.ts';
import type { ConflictPolicy } from '../jobs/job.ts';

/** What a row may do with a device that exists already. */
export type Comparison =
  /** The row itself made the record, in an earlier delivery of its chunk. */
  | { readonly verdict: 'ours' }
  /** Same content, already provisioned: nothing to do. */
  | { readonly verdict: 'unchanged' }
  /** The row may take the record over. */
  | { readonly verdict: 'take-over' }
  | { readonly verdict: 'refused'; readonly code: ErrorCode; readonly message: string };

/** Compares the record that is there with the claim that a row wants to lay on it. */
export function compare(existing: DeviceRecord, wanted: DeviceRecord, onConflict: ConflictPolicy): Comparison {
  const { claim } = existing;
  if (claim.jobId === wanted.claim.jobId) {
    if (claim.line !== wanted.claim.line) {
      // A row that failed has let go of the device; any other keeps it.
      if (existing.status === 'failed') return { verdict: 'take-over' };
      const message = `The device stands on line ${claim.line} of this manifest already.`;
      return { verdict: 'refused', code: 'device-id-duplicate', message };
    }
    if (claim.attempt === wanted.claim.attempt || existing.status !== 'failed') return { verdict: 'ours' };
  }
  if (existing.status === 'failed') return { verdict: 'take-over' };
  if (existing.status === 'claimed') {
    return {
      verdict: 'refused',
      code: 'device-busy',
      message: `Job ${claim.jobId} is provisioning this device just now.`,
    };
  }
  if (existing.contentHash === wanted.contentHash) return { verdict: 'unchanged' };
  if (onConflict === 'replace') return { verdict: 'take-over' };
  const message = `The device was provisioned by job ${claim.jobId}, line ${claim.line}, with other content.`;
  return { verdict: 'refused', code: 'device-exists', message };
}
