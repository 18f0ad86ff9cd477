import { createECDH, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { Work } from '../harness/subject.ts';

/** The minimal work for a P-256 identity: create a key with OpenSSL and one signature. */
export async function prepare(): Promise<Work> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdh = createECDH('prime256v1');
  // About the length of a to-be-signed certificate.
  const tbs = randomBytes(400);
  return (times) => {
    for (let time = 0; time < times; time++) {
      ecdh.generateKeys();
      sign('sha256', tbs, privateKey);
    }
  };
}
