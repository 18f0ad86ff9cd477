import type { DeviceRecord } from '../devices/device.ts';

type RetainedDevice = Pick<DeviceRecord, 'bundle' | 'identity' | 'history' | 'serialNumber' | 'certificates'>;

const dayMs = 24 * 60 * 60 * 1000;

/**
 * When the retention rule of the container `bundles` may delete the bundle of a device (infra/azure/app/storage.bicep). Rules
 * run about once a day, so a bundle can be there for some time longer.
 * @param retentionDays undefined where no rule deletes bundles, as on one machine
 * @returns undefined when the bundle is not deleted, or the device has none
 */
export function bundleExpiry(
  { bundle, identity, history, serialNumber, certificates }: RetainedDevice,
  retentionDays: number | undefined,
): Date | undefined {
  if (bundle === undefined || retentionDays === undefined) return undefined;
  const recordedAt = certificates?.find((each) => each.serialNumber === serialNumber)?.since;
  // Records of earlier versions. The history keeps the latest 20 events; certificates begin some hours before they are issued.
  const storedAt = recordedAt ?? history.findLast(({ event }) => event === 'issued')?.at ?? identity?.notBefore;
  return storedAt === undefined ? undefined : new Date(Date.parse(storedAt) + retentionDays * dayMs);
}
