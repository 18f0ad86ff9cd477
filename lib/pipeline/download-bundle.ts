import { readBundle } from '../bundle/archive.ts';
import { bundleExpiry } from '../bundle/retention.ts';
import { type DeviceRecord, withEvent } from '../devices/device.ts';
import { FleetError } from '../errors.ts';
import type { Ports } from './ports.ts';
import { readDevice } from './read-device.ts';

/** A device's bundle as a file. */
export interface BundleFile {
  readonly fileName: string;
  readonly mediaType: string;
  readonly body: Buffer;
}

type DownloadPorts = Pick<Ports, 'devices' | 'bundles' | 'bundleRetentionDays' | 'now'>;

/**
 * Hands out the bundle of a device. A bundle can hold a private key, so the download is on the device's history before the
 * bundle leaves: without that entry there is no download.
 * @param by caller and request, for the history
 * @throws FleetError `not-found`, `bundle-unavailable`, `bundle-gone` when its retention rule has deleted it, `concurrent-change`, and what the stores throw
 */
export async function downloadBundle(
  deviceId: string,
  by: string,
  { devices, bundles, bundleRetentionDays, now }: DownloadPorts,
): Promise<BundleFile> {
  const { value: record, etag } = await readDevice(deviceId, devices);
  const { bundle, status, history } = record;
  if (bundle === undefined || status === 'claimed' || status === 'failed') {
    throw new FleetError('bundle-unavailable', `Device "${deviceId}" is ${status} and has no bundle.`);
  }
  await refuseDeleted(record, { bundles, bundleRetentionDays, now });
  const body = await readBundle(bundles, bundle);
  const event = { at: now().toISOString(), event: 'bundle downloaded' as const, detail: `by ${by}` };
  const { conflicts } = await devices.replace([{ etag, value: { ...record, history: withEvent(history, event) } }]);
  if (conflicts.length > 0) {
    throw new FleetError('concurrent-change', `Device "${deviceId}" changed during the download. Ask again.`);
  }
  return { fileName: bundle.fileName, mediaType: bundle.mediaType, body };
}

/** An archive that is missing before its time was deleted by something else, and is damage. */
async function refuseDeleted(
  record: DeviceRecord,
  { bundles, bundleRetentionDays, now }: Omit<DownloadPorts, 'devices'>,
): Promise<void> {
  const expiry = bundleExpiry(record, bundleRetentionDays);
  if (record.bundle === undefined || expiry === undefined || now() < expiry) return;
  if ((await bundles.properties(record.bundle.archive)) !== undefined) return;
  const date = expiry.toISOString().slice(0, 10);
  const message = `The bundle of device "${record.id}" was deleted: it was kept for ${bundleRetentionDays} days, until ${date}.`;
  throw new FleetError('bundle-gone', message);
}
