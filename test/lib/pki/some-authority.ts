import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { issueIntermediateCa, issueRootCa } from '../../../lib/pki/authority.ts';
import type { Authority } from '../../../lib/pki/issuer.ts';
import type { CaKeyType, LocalSigner } from '../../../lib/pki/key-store.ts';
import { newSerialNumber } from '../../../lib/pki/serial.ts';
import { createSoftwareSigner } from '../../../lib/pki/software-key-store.ts';
import { someTime } from '../../factories.ts';

const keys = new Map<CaKeyType, KeyObject[]>();

/** A CA key made for this test run. Tests share them, since an RSA-4096 key takes a second. @param which from 0 */
export function someCaKey(keyType: CaKeyType = 'ec-p256', which = 0): KeyObject {
  const made = keys.get(keyType) ?? [];
  keys.set(keyType, made);
  made[which] ??= makeKey(keyType);
  return made[which];
}

export function someSigner(keyType: CaKeyType = 'ec-p256', which = 0): LocalSigner {
  return createSoftwareSigner(someCaKey(keyType, which), keyType);
}

function makeKey(keyType: CaKeyType): KeyObject {
  if (keyType === 'rsa-4096') return generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: keyType === 'ec-p256' ? 'P-256' : 'P-384' }).privateKey;
}

export interface SomeAuthority {
  readonly rootKeyType?: CaKeyType;
  readonly keyType?: CaKeyType;
  readonly pathLength?: number;
  readonly validityDays?: number;
  readonly now?: Date;
}

export async function someRoot({ rootKeyType = 'ec-p256', now = someTime }: SomeAuthority = {}): Promise<Authority> {
  const signer = someSigner(rootKeyType, 0);
  const request = { commonName: 'Test root CA', signer, validityDays: 10_950, now, serialNumber: newSerialNumber() };
  return { certificatePem: await issueRootCa(request), signer, chainPem: [] };
}

/** An issuing CA under a root. */
export async function someAuthority(
  options: SomeAuthority = {},
): Promise<Authority & { readonly signer: LocalSigner }> {
  const { keyType = 'ec-p256', pathLength = 0, validityDays = 1825, now = someTime } = options;
  const root = await someRoot(options);
  const signer = someSigner(keyType, 1);
  const certificatePem = await issueIntermediateCa({
    ...{ issuer: root, commonName: 'line7 issuing CA 1', publicKey: signer.publicKey, pathLength, validityDays, now },
    serialNumber: newSerialNumber(),
  });
  return { certificatePem, signer, chainPem: [root.certificatePem] };
}
