import { createECDH, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { Work } from '../harness/subject.ts';

/** The least work for a P-256 identity: a key from OpenSSL's generator, and a signature. */
export async function prepare(): Promise<Work> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdh = createECDH('prime256v1');
  // The length of such a TBSCertificate.
  const tbs = randomBytes(400);
  return (times) => {
    for (let time = 0; time < times; time++) {
      ecdh.generateKeys();
      sign('sha256', tbs, privateKey);
    }
  };
}
