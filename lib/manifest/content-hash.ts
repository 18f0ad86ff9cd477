import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';
import type { DeviceRequest } from './manifest.ts';

type Content = Pick<DeviceRequest, 'deviceId' | 'enrollmentGroup' | 'csr' | 'tags' | 'desired'>;

/** SHA-256 (hex) of what a row asks for, whatever the order of its columns or keys: equal means "same content as before". */
export function contentHash({ deviceId, enrollmentGroup, csr, tags, desired }: Content): string {
  return createHash('sha256').update(canonicalJson({ deviceId, enrollmentGroup, csr, tags, desired })).digest('hex');
}
