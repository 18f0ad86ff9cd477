import type { KeyObject } from 'node:crypto';
import type { CaKeyType } from './signer.ts';

/** Keys that devices have: the two that IoT Edge is tested with (learn.microsoft.com/azure/iot-edge/iot-edge-certs). */
export type DeviceKeyType = 'ec-p256' | 'rsa-2048';

export type KeyType = DeviceKeyType | CaKeyType;

/** @returns undefined for a key that nothing here issues for or signs with */
export function keyTypeOf(key: KeyObject): KeyType | undefined {
  const { namedCurve, modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') {
    if (namedCurve === 'prime256v1') return 'ec-p256';
    if (namedCurve === 'secp384r1') return 'ec-p384';
  }
  // 65537 is what every generator in use takes; other exponents are legal and a sign of something odd.
  if (key.asymmetricKeyType === 'rsa' && publicExponent === 65537n) {
    if (modulusLength === 2048) return 'rsa-2048';
    if (modulusLength === 4096) return 'rsa-4096';
  }
  return undefined;
}

/** What a key is, in words that a person can act upon: `rsa 1024`, `ec secp256k1`, `ed25519`. */
export function describeKey(key: KeyObject): string {
  const { namedCurve, modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  const exponent = publicExponent === undefined || publicExponent === 65537n ? '' : ` exponent ${publicExponent}`;
  return `${key.asymmetricKeyType ?? 'unknown'} ${namedCurve ?? modulusLength ?? ''}${exponent}`.trim();
}
