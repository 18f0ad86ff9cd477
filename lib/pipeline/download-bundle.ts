import { readBundle } from '../bundle/archive.ts';
import { bundleExpiry } from '../bundle/retention.ts';
import { blockError } from '../devices/blocking.ts';
import { type DeviceRecord, withEvent } from '../devices/device.ts';
import { inUse } from '../devices/reissue.ts';
import { FleetError } from '../errors.ts';
import type { Ports } from './ports.ts';
import { readDevice } from './read-device.ts';

/** A device's bundle as a file. */
export interface BundleFile {
  readonly fileName: string;
  readonly mediaType: string;
  readonly body: Buffer;
}

/** The longest pause after a conflict. It is random, so that parallel downloads do not meet again. */
const maxPauseMilliseconds = 100;

/** Attempts to write the history entry. Each attempt fails only if another writer of the same record succeeded. */
const maxWriteAttempts = 50;

type DownloadPorts = Pick<Ports, 'devices' | 'bundles' | 'bundleRetentionDays' | 'now' | 'random' | 'retry'>;

/**
 * Hands out the bundle of a device. A bundle can hold a private key, so the download is on the device's history before the
 * bundle leaves: without that entry there is no download. Downloads that run at the same time all succeed: a writer that
 * finds the record changed adds its entry to the new version.
 * @param by caller and request, for the history
 * @throws FleetError `not-found`, `device-suspended`, `device-revoked`, `bundle-unavailable`, `bundle-gone` when its retention rule has deleted it, `archive-damaged` when the bundle is not the one that was recorded,
 * `concurrent-change` when the record changes faster than it can be written, and what the stores throw
 */
export async function downloadBundle(
  deviceId: string,
  by: string,
  { devices, bundles, bundleRetentionDays, now, random, retry }: DownloadPorts,
): Promise<BundleFile> {
  for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
    const { value: record, etag } = await readDevice(deviceId, devices);
    const device = inUse(record);
    const { bundle, status } = device;
    const refusal = blockError(record);
    if (refusal !== undefined) throw refusal;
    if (bundle === undefined || (status !== 'provisioned' && status !== 'assigned')) {
      throw new FleetError('bundle-unavailable', `Device "${deviceId}" is ${status} and has no bundle.`);
    }
    await refuseDeleted(device, { bundles, bundleRetentionDays, now });
    // Read again with each version of the record: a new version can name a new bundle.
    const body = await readBundle(bundles, bundle);
    const event = { at: now().toISOString(), event: 'bundle downloaded' as const, detail: `by ${by}` };
    const { conflicts } = await devices.replace([
      { etag, value: { ...record, history: withEvent(record.history, event) } },
    ]);
    if (conflicts.length === 0) return { fileName: bundle.fileName, mediaType: bundle.mediaType, body };
    await retry.sleep(random() * maxPauseMilliseconds);
  }
  throw new FleetError('concurrent-change', `Device "${deviceId}" changes faster than it can be written. Ask again.`);
}

/** An archive that is missing before its time was deleted by something else, and is damage. */
async function refuseDeleted(
  record: DeviceRecord,
  { bundles, bundleRetentionDays, now }: Pick<DownloadPorts, 'bundles' | 'bundleRetentionDays' | 'now'>,
): Promise<void> {
  const expiry = bundleExpiry(record, bundleRetentionDays);
  if (record.bundle === undefined || expiry === undefined || now() < expiry) return;
  if ((await bundles.properties(record.bundle.archive)) !== undefined) return;
  const date = expiry.toISOString().slice(0, 10);
  const message = `The bundle of device "${record.id}" was deleted: it was kept for ${bundleRetentionDays} days, until ${date}.`;
  throw new FleetError('bundle-gone', message);
}
