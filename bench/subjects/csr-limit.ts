import { createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { toPem } from '../../lib/pki/certificate.ts';
import { bitStringOctets, derTag, readConstructed, readElements } from '../../lib/pki/der.ts';
import type { Work } from '../harness/subject.ts';
import { someRequests } from './some-requests.ts';

/**
 * The minimal work for a signing request: verify its signature and create one, for the requests of csr-ours, parsed in advance.
 * A request has its key as octets. With the argument `import` the key is imported each time (from PEM, the fastest way in
 * Node); otherwise it is imported in advance.
 */
export async function prepare(argument: string): Promise<Work> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const requests = (await someRequests()).map(({ csr }) => parsed(csr));
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

/** Parses a request (RFC 2986: CertificationRequestInfo, algorithm, signature). */
function parsed(csr: string) {
  const der = Buffer.from(csr.replaceAll(/-----.*?-----/g, ''), 'base64');
  const [info, , signature] = readConstructed(der, derTag.sequence);
  if (info === undefined) throw new Error('The request has no content.');
  const publicKeyPem = toPem('PUBLIC KEY', readElements(info.content)[2]?.whole ?? Buffer.alloc(0));
  return {
    ...{ info: info.whole, publicKeyPem, publicKey: createPublicKey(publicKeyPem) },
    signature: bitStringOctets(signature),
  };
}
