import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { FleetError } from '../errors.ts';
import { describeKey, keyTypeOf } from './key-type.ts';
import { signatureHash } from './signature-algorithm.ts';
import type { CaKeyType, Signer } from './signer.ts';

/**
 * Signs with a key in this process, at once.
 * @throws FleetError `ca-key-unusable` when the key is not of that type
 */
export function createSoftwareSigner(privateKey: KeyObject, keyType: CaKeyType): Signer {
  if (keyTypeOf(privateKey) !== keyType) {
    throw new FleetError('ca-key-unusable', `A CA key is ${describeKey(privateKey)}, where ${keyType} was asked for.`);
  }
  const digest = signatureHash[keyType];
  return {
    keyType,
    publicKey: createPublicKey(privateKey),
    // The KeyObject itself: options or PEM in its place cost half of the signature again. ECDSA comes as DER by default.
    sign: (data) => sign(digest, data, privateKey),
  };
}
