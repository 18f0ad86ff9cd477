import { createECDH, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { Work } from '../harness/subject.ts';

/** What a P-256 identity cannot do without: a key from OpenSSL's generator, and a signature. Nothing else is done. */
export async function prepare(): Promise<Work> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdh = createECDH('prime256v1');
  // As long as the to-be-signed part of such a certificate.
  const tbs = randomBytes(400);
  return (times) => {
    for (let time = 0; time < times; time++) {
      ecdh.generateKeys();
      sign('sha256', tbs, privateKey);
    }
  };
}
