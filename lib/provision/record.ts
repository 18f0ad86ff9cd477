import type { ArchiveIndexEntry } from '../bundle/archive.ts';
import { type DeviceRecord, type DeviceStatus, withEvent } from '../devices/device.ts';
import type { DeviceStore } from '../devices/device-store.ts';
import { isEmptyTwin } from '../devices/twin.ts';
import { FleetError } from '../errors.ts';
import type { DeviceRequest, RowFault } from '../manifest/manifest.ts';
import type { Stored } from '../stored.ts';
import type { Issued } from './issue.ts';

/** The record of a device whose bundle lies in a committed archive. */
export function issuedRecord(
  record: DeviceRecord,
  request: DeviceRequest,
  entry: ArchiveIndexEntry<Issued>,
  { archive, status, at }: { archive: string; status: DeviceStatus; at: string },
): DeviceRecord {
  const { sha1Thumbprint, sha256Thumbprint, notBefore, notAfter, mediaType, serialNumber } = entry.info;
  const twin = { tags: request.tags, desired: request.desired };
  return {
    ...record,
    status,
    statusSince: at,
    serialNumber,
    ...(isEmptyTwin(twin) ? {} : { twin }),
    identity: { sha1Thumbprint, sha256Thumbprint, notBefore, notAfter },
    bundle: { archive, offset: entry.offset, length: entry.length, fileName: entry.name, mediaType },
    history: withEvent(record.history, { at, event: 'issued', detail: `certificate ${serialNumber}` }),
  };
}

/** The record of a device that its row lets go of, so that another row may claim it. */
export function failedRecord(
  record: DeviceRecord,
  { code, message }: Pick<RowFault, 'code' | 'message'>,
  at: string,
): DeviceRecord {
  const history = withEvent(record.history, { at, event: 'failed', detail: code });
  return { ...record, status: 'failed', statusSince: at, failure: { code, message }, history };
}

/**
 * Writes the records over the claims they were made from. A claim that changed meanwhile was recorded by another
 * delivery of the same row, which is as good where it says the same; anything else is tried again with the chunk, so
 * that no row is counted as what its device is not.
 */
export async function replaceRecords(devices: DeviceStore, records: readonly Stored<DeviceRecord>[]): Promise<void> {
  if (records.length === 0) return;
  const etags = await devices.replace(records);
  const lost = records.filter((_, index) => etags[index] === undefined);
  if (lost.length === 0) return;
  const current = await devices.read(lost.map(({ value }) => value.id));
  for (const [index, { value }] of lost.entries()) {
    const found = current[index]?.value;
    if (found === undefined || !saysTheSame(found, value))
      throw new FleetError('concurrent-change', `The record of device ${value.id} changed while it was written.`);
  }
}

function saysTheSame(found: DeviceRecord, wanted: DeviceRecord): boolean {
  const { jobId, line, attempt } = found.claim;
  const { claim } = wanted;
  if (claim.jobId !== jobId || claim.line !== line || claim.attempt !== attempt) return false;
  if (wanted.status === 'failed') return found.status === 'failed';
  const further = found.status === wanted.status || found.status === 'provisioned' || found.status === 'assigned';
  return further && found.identity?.sha256Thumbprint === wanted.identity?.sha256Thumbprint;
}
