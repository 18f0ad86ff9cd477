import type { DeviceCertificate } from './certificate.ts';
import { certificatesOf } from './certificates.ts';
import type { DeviceRecord, DeviceStatus } from './device.ts';

/** Statuses in which a device needs no CA. */
export const statusesWithoutCa: readonly DeviceStatus[] = ['revoked', 'scrapped', 'deleted', 'failed'];

/**
 * The identity with which the device works, if that delegated CA signed it: the present one, or while a row issues the device
 * again, the one before. Such a device has to be issued again when the CA is blocked.
 * The store of Cosmos DB says the same in a query (lib/azure/cosmos-devices.ts).
 */
export function identityOf(record: DeviceRecord, delegatedCa: string): DeviceCertificate | undefined {
  if (statusesWithoutCa.includes(record.status)) return undefined;
  const serialNumber = record.before?.serialNumber ?? record.serialNumber;
  return certificatesOf(record).find(
    (each) => each.kind === 'identity' && each.serialNumber === serialNumber && each.delegatedCa === delegatedCa,
  );
}
