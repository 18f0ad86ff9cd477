import { generateKeyPairSync } from 'node:crypto';
import { issueIntermediateCa, issueRootCa } from '../../lib/pki/authority.ts';
import type { Authority } from '../../lib/pki/issuer.ts';
import { newSerialNumber } from '../../lib/pki/serial.ts';
import { createSoftwareSigner } from '../../lib/pki/software-key-store.ts';

/** An issuing CA under a root, both P-256. Its key is also given as PEM, for subjects that do not use lib/pki. */
export async function someAuthority(): Promise<Authority & { readonly privateKeyPem: string }> {
  const now = new Date();
  const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const rootSigner = createSoftwareSigner(newKey(), 'ec-p256');
  const root = await issueRootCa({
    commonName: 'Bench root CA',
    signer: rootSigner,
    validityDays: 3650,
    now,
    serialNumber: newSerialNumber(),
  });
  const key = newKey();
  const signer = createSoftwareSigner(key, 'ec-p256');
  const certificatePem = await issueIntermediateCa({
    issuer: { certificatePem: root, signer: rootSigner, chainPem: [] },
    commonName: 'Bench issuing CA',
    publicKey: signer.publicKey,
    pathLength: 0,
    validityDays: 1825,
    now,
    serialNumber: newSerialNumber(),
  });
  const privateKeyPem = key.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { certificatePem, signer, chainPem: [root], privateKeyPem };
}
