import { createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import type { Work } from '../harness/subject.ts';

/**
 * What an identity for a request cannot do without: the request's signature verified, and one made. A request brings its
 * key as octets: with `import` the key is imported each time, without it is there already.
 */
export async function prepare(argument: string): Promise<Work> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const device = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const info = device.publicKey.export({ type: 'spki', format: 'der' });
  const request = randomBytes(150);
  const signature = sign('sha256', request, device.privateKey);
  const tbs = randomBytes(400);
  const publicKey =
    argument === 'import' ? () => createPublicKey({ key: info, format: 'der', type: 'spki' }) : () => device.publicKey;
  return (times) => {
    for (let time = 0; time < times; time++) {
      if (!verify('sha256', request, publicKey(), signature)) throw new Error('the signature does not verify');
      sign('sha256', tbs, privateKey);
    }
  };
}
