import type { BlobStore } from '../blobs.ts';
import type { BundleLocation } from '../devices/device.ts';
import { FleetError } from '../errors.ts';

/**
 * The bundle of a device, from its chunk's archive. It holds the only copy of what a device needs, so a part of it is
 * never handed out for the whole.
 * @throws FleetError `archive-damaged`
 */
export async function readBundle(
  bundles: BlobStore,
  { archive, offset, length }: Pick<BundleLocation, 'archive' | 'offset' | 'length'>,
): Promise<Buffer> {
  const body = await bundles.readRange(archive, { offset, length }).catch((error: unknown) => {
    // A store speaks of what most of its readers read.
    if (!(error instanceof FleetError) || error.code !== 'manifest-gone') throw error;
    throw new FleetError('archive-damaged', `The archive ${archive} is no longer there.`, {}, { cause: error });
  });
  if (body.length === length) return body;
  throw new FleetError('archive-damaged', `The archive ${archive} ends within the bundle at byte ${offset}.`);
}
