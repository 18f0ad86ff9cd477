import { createHash } from 'node:crypto';
import { maxCommonNameLength } from './x509.ts';

/** The CA for its modules that an IoT Edge device gets: the name of its profile. */
export type EdgeCaKind = 'edge-ca' | 'edge-device-ca-1.1';

export const edgeCaPathLength: Readonly<Record<EdgeCaKind, number>> = { 'edge-ca': 0, 'edge-device-ca-1.1': 1 };

/** Path length that an issuing CA needs: 0 if it signs identities only, else one more than its Edge CAs have. */
export function issuingCaPathLength(edgeCa: EdgeCaKind | undefined): number {
  return edgeCa === undefined ? 0 : edgeCaPathLength[edgeCa] + 1;
}

const suffix = ' edge CA';
const longestDeviceId = maxCommonNameLength - suffix.length;

/**
 * Common name of a device's Edge CA: unique in the fleet, and at most 64 characters. Its space makes it different from every
 * device id and host name. An id that is too long is cut, and a digest of the whole id keeps the name unique.
 * @example
 * edgeCaCommonName('gw-1') // 'gw-1 edge CA'
 */
export function edgeCaCommonName(deviceId: string): string {
  if (deviceId.length <= longestDeviceId) return deviceId + suffix;
  const digest = createHash('sha256').update(deviceId).digest('hex').slice(0, 16);
  return `${deviceId.slice(0, longestDeviceId - digest.length - 1)}~${digest}${suffix}`;
}
