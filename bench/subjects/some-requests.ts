import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** The rows of two chunks (CHUNK_ROWS): more keys than fit into the caches of the processor. */
const count = 500;

/** Certificate requests of different devices with different keys, PEM. */
export async function someRequests(): Promise<{ deviceId: string; csr: string }[]> {
  const requests = [];
  for (let number = 1; number <= count; number++) {
    const deviceId = `gw-${String(number).padStart(9, '0')}`;
    const keys = await webcrypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
    const request = { name: `CN=${deviceId}`, keys, signingAlgorithm: algorithm };
    const csr = (await x509.Pkcs10CertificateRequestGenerator.create(request)).toString('pem');
    requests.push({ deviceId, csr });
  }
  return requests;
}
