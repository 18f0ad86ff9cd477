import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Work } from '../harness/subject.ts';
import { someAuthority } from './some-authority.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const year = 365 * 24 * 60 * 60 * 1000;

/** The same certificate made with the library as its README shows, one after another. */
export async function prepare(): Promise<Work> {
  const { certificatePem, privateKeyPem } = await someAuthority();
  const issuer = new x509.X509Certificate(certificatePem);
  const pkcs8 = x509.PemConverter.decodeFirst(privateKeyPem);
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
  const issuerKey = await issuer.publicKey.export();
  let number = 0;

  async function issue(): Promise<void> {
    number += 1;
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const now = Date.now();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex'),
      subject: `CN=gw-${String(number).padStart(9, '0')}`,
      issuer: issuer.subjectName,
      notBefore: new Date(now),
      notAfter: new Date(now + year),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(issuerKey),
      ],
    });
    certificate.toString('pem');
    x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  }
  return async (times) => {
    for (let time = 0; time < times; time++) await issue();
  };
}
