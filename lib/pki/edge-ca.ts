import { createHash } from 'node:crypto';

/** Which CA for its modules an IoT Edge device gets from us; the names are those of its profiles. */
export type EdgeCaKind = 'edge-ca' | 'edge-device-ca-1.1';

export const edgeCaPathLength: Readonly<Record<EdgeCaKind, number>> = { 'edge-ca': 0, 'edge-device-ca-1.1': 1 };

/** Path length that an issuing CA needs: 0 to sign identities only, one more than that of the Edge CAs it signs. */
export function issuingCaPathLength(edgeCa: EdgeCaKind | undefined): number {
  return edgeCa === undefined ? 0 : edgeCaPathLength[edgeCa] + 1;
}

const suffix = ' edge CA';
const longestDeviceId = 64 - suffix.length;

/**
 * Common name of a device's Edge CA: unique in the fleet, at most 64 characters, and different from the device id and any
 * host name by its space. An id too long for that is cut, and a digest of the whole id keeps it unique.
 */
export function edgeCaCommonName(deviceId: string): string {
  if (deviceId.length <= longestDeviceId) return deviceId + suffix;
  const digest = createHash('sha256').update(deviceId).digest('hex').slice(0, 16);
  return `${deviceId.slice(0, longestDeviceId - digest.length - 1)}~${digest}${suffix}`;
}
