import pMap from 'p-map';
import { type ArchiveIndexEntry, eraseBundle } from '../../bundle/archive.ts';
import type { DeviceRecord } from '../../devices/device.ts';
import { withUnused } from '../../devices/reissue.ts';
import { changeDevice } from '../change-device.ts';
import type { Ports } from '../ports.ts';
import { certificatesIn, type Issued } from './issue.ts';

/** Records written at once. */
const writesAtOnce = 8;

/**
 * Names certificates on the records of devices that did not get them: an operator blocked the device between the commit of its
 * archive and its record, or the chunk was given up. Nothing hands their bundles out. They are erased when the device is
 * scrapped or deleted, and here if it is by now.
 * @param unused entries of the archive
 * @throws FleetError `archive-damaged`, `concurrent-change`, `throttled`, `unavailable`
 */
export async function nameUnused(
  unused: readonly ArchiveIndexEntry<Issued>[],
  archive: string,
  ports: Pick<Ports, 'devices' | 'bundles' | 'now'>,
): Promise<void> {
  const at = ports.now().toISOString();
  const named = await pMap(
    unused,
    async ({ name: fileName, info }) => {
      const issued = certificatesIn(info, at);
      const change = (record: DeviceRecord) => withUnused(record, issued, { archive, fileName }, at);
      return { fileName, record: await changeDevice(info.deviceId, ports, change) };
    },
    { concurrency: writesAtOnce },
  );
  // One after the other: each rewrites the archive.
  for (const { fileName, record } of named) {
    if (isEnding(record)) await eraseBundle(ports.bundles, { archive, fileName });
  }
}

/** The device is scrapped or deleted, or about to be: that read the record before its certificate was named. */
function isEnding({ status, block }: DeviceRecord): boolean {
  const isScrapping = status === 'closing' && block?.kind === 'scrapped';
  return isScrapping || status === 'scrapped' || status === 'deleting' || status === 'deleted';
}
