import pMap from 'p-map';
import { type ArchiveIndexEntry, eraseBundle } from '../../bundle/archive.ts';
import { certificatesOf } from '../../devices/certificates.ts';
import type { DeviceRecord } from '../../devices/device.ts';
import { failedRecord, withUnused } from '../../devices/reissue.ts';
import type { SerialNumbers } from '../../jobs/job.ts';
import type { ChunkAttempt } from '../../jobs/messages.ts';
import type { RowError } from '../../manifest/manifest.ts';
import { changeDevice } from '../change-device.ts';
import type { Ports } from '../ports.ts';
import { certificatesIn, type Issued } from './issue.ts';

/** Records written at once. */
const writesAtOnce = 8;

export interface UnusedOptions {
  readonly attempt: ChunkAttempt;
  readonly archive: string;
  /** The errors of the chunk's rows. */
  readonly faults: readonly RowError[];
}

/**
 * Names certificates on the records of devices that did not get them: an operator blocked the device between the commit of its
 * archive and its record, another row made it, or the chunk was given up. A new device gets a record that says so. Nothing hands
 * their bundles out. They are erased when the device is scrapped or deleted, and here if it is by now.
 * @param unused entries of the archive
 * @throws FleetError `archive-damaged`, `concurrent-change`, `throttled`, `unavailable`
 */
export async function nameUnused(
  unused: readonly ArchiveIndexEntry<Issued>[],
  { attempt, archive, faults }: UnusedOptions,
  ports: Pick<Ports, 'devices' | 'bundles' | 'now'>,
): Promise<void> {
  const at = ports.now().toISOString();
  const errors = new Map(faults.map((fault) => [fault.line, fault]));
  const named = await pMap(
    unused,
    async ({ name: fileName, info }) => {
      const issued = certificatesIn(info, at);
      const change = (record: DeviceRecord) => withUnused(record, issued, { archive, fileName }, at);
      const failed = failedRecord(claimOf(info, attempt, at), errors.get(info.line) ?? gaveUp, at);
      const created = await createNew(change(failed), ports);
      return { fileName, record: created ?? (await changeDevice(info.deviceId, ports, change)) };
    },
    { concurrency: writesAtOnce },
  );
  // One after the other: each rewrites the archive.
  for (const { fileName, record } of named) {
    if (isEnding(record)) await eraseBundle(ports.bundles, { archive, fileName });
  }
}

/**
 * Names serial numbers on the records of devices that another row made, while this row had fixed one and could sign under it. So
 * the record of a device names every certificate that can have been signed for it. A device without a record has none; then the
 * claims of the chunk name it.
 * @throws FleetError `concurrent-change`, `throttled`, `unavailable`
 */
export async function nameLost(lost: SerialNumbers, { devices }: Pick<Ports, 'devices'>): Promise<void> {
  if (lost.size === 0) return;
  const records = await devices.read([...lost.keys()]);
  const others = [...lost].filter(([deviceId, serialNumber]) => {
    const record = records.get(deviceId)?.value;
    return record !== undefined && !isNamed(record, serialNumber);
  });
  const name = (serialNumber: string) => (record: DeviceRecord) =>
    isNamed(record, serialNumber)
      ? record
      : { ...record, formerCertificateNames: [...(record.formerCertificateNames ?? []), serialNumber] };
  const change = ([deviceId, serialNumber]: readonly [string, string]) =>
    changeDevice(deviceId, { devices }, name(serialNumber));
  await pMap(others, change, { concurrency: writesAtOnce });
}

function isNamed(record: DeviceRecord, serialNumber: string): boolean {
  const named = [record, ...certificatesOf(record)].some((each) => each.serialNumber === serialNumber);
  return named || record.formerCertificateNames?.includes(serialNumber) === true;
}

const gaveUp = { code: 'gave-up', message: 'The row failed after its certificate was stored.' } as const;

/** The claim of a row as its archive has it. The digest of its content is not known; a failed device needs none. */
function claimOf(
  { deviceId, enrollmentGroup, serialNumber, line }: Issued,
  attempt: ChunkAttempt,
  at: string,
): DeviceRecord {
  const claim = { jobId: attempt.jobId, chunk: attempt.chunk, line, attempt: attempt.attempt };
  const held = { id: deviceId, enrollmentGroup, status: 'claimed', statusSince: at, claim, serialNumber } as const;
  return { ...held, contentHash: '', history: [] };
}

/** @returns undefined when the device has a record */
async function createNew(record: DeviceRecord, { devices }: Pick<Ports, 'devices'>): Promise<DeviceRecord | undefined> {
  if ((await devices.read([record.id])).size > 0) return undefined;
  return (await devices.create([record])).written.get(record.id)?.value;
}

/** The device is scrapped or deleted, or about to be: that read the record before its certificate was named. */
function isEnding({ status, block }: DeviceRecord): boolean {
  const isScrapping = status === 'closing' && block?.kind === 'scrapped';
  return isScrapping || status === 'scrapped' || status === 'deleting' || status === 'deleted';
}
