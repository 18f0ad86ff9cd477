import { createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { toPem } from '../../lib/pki/certificate.ts';
import { bitStringOctets, derTag, readConstructed, readElements } from '../../lib/pki/der.ts';
import type { Work } from '../harness/subject.ts';
import { someRequests } from './some-requests.ts';

/**
 * The least work for a request: verify its signature, and sign a certificate. The requests are those of csr-ours, parsed before
 * the clock starts.
 * @param argument `import` imports the key of the request each time (from PEM, the fastest way into Node), as a request
 * brings it as octets; anything else uses keys that were imported before
 */
export async function prepare(argument: string): Promise<Work> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const requests = (await someRequests()).map(({ csr }) => takenApart(csr));
  const tbs = randomBytes(400);
  let next = 0;
  return (times) => {
    for (let time = 0; time < times; time++) {
      const request = requests[next++ % requests.length];
      if (request === undefined) continue;
      const publicKey = argument === 'import' ? createPublicKey(request.publicKeyPem) : request.publicKey;
      if (!verify('sha256', request.info, publicKey, request.signature))
        throw new Error('the signature does not verify');
      sign('sha256', tbs, privateKey);
    }
  };
}

/** Parses a request (RFC 2986): CertificationRequestInfo, algorithm, signature. */
function takenApart(csr: string) {
  const der = Buffer.from(csr.replaceAll(/-----.*?-----/g, ''), 'base64');
  const [info, , signature] = readConstructed(der, derTag.sequence);
  if (info === undefined) throw new Error('a request without content');
  const publicKeyPem = toPem('PUBLIC KEY', readElements(info.content)[2]?.whole ?? Buffer.alloc(0));
  return {
    info: info.whole,
    publicKeyPem,
    publicKey: createPublicKey(publicKeyPem),
    signature: bitStringOctets(signature),
  };
}
