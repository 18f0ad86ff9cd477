import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  Certificate,
  Name,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
} from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';

/*
 * Makes valid and invalid certificates for tests. It uses the library directly, so that the code under test does not check its
 * own output.
 */

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const hour = 3_600_000;

export interface TestCertificate {
  readonly pem: string;
  readonly keyPem: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly certificate: x509.X509Certificate;
}

export interface CertificateRequest {
  /** Common name, or a distinguished name if it contains `=`. */
  readonly name: string;
  /** Default: self-signed. */
  readonly issuer?: TestCertificate;
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly extensions?: x509.Extension[];
  /** Signs with this key instead of the issuer's key, to make a forgery. */
  readonly forgedBy?: TestCertificate;
}

export async function makeCertificate(request: CertificateRequest): Promise<TestCertificate> {
  const { name, issuer, ca = false, pathLength, extensions = [], forgedBy } = request;
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: name.includes('=') ? name : `CN=${name}`,
    issuer: issuer?.certificate.subject ?? (name.includes('=') ? name : `CN=${name}`),
    serialNumber: `40${randomBytes(15).toString('hex')}`,
    notBefore: request.notBefore ?? new Date(Date.now() - hour),
    notAfter: request.notAfter ?? new Date(Date.now() + 24 * hour),
    publicKey: keys.publicKey,
    signingKey: (forgedBy ?? issuer)?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: ecdsa,
    extensions: [
      new x509.BasicConstraintsExtension(ca, pathLength, true),
      new x509.KeyUsagesExtension(ca ? x509.KeyUsageFlags.keyCertSign : x509.KeyUsageFlags.digitalSignature, true),
      ...extensions,
    ],
  });
  return { pem: `${certificate.toString('pem')}\n`, keyPem: await pemOf(keys), keys, certificate };
}

/** Version 1, without extensions, as `openssl x509 -req` and the npm package `pem` make it. */
export async function makeVersion1Certificate(commonName: string): Promise<TestCertificate> {
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  const name = AsnConvert.parse(new x509.Name(`CN=${commonName}`).toArrayBuffer(), Name);
  const ecdsaWithSha256 = new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' });
  const tbsCertificate = new TBSCertificate({
    version: 0,
    serialNumber: new Uint8Array([0x40, ...randomBytes(15)]).buffer,
    signature: ecdsaWithSha256,
    issuer: name,
    subject: name,
    validity: new Validity({ notBefore: new Date(Date.now() - hour), notAfter: new Date(Date.now() + 24 * hour) }),
    subjectPublicKeyInfo: AsnConvert.parse(
      await webcrypto.subtle.exportKey('spki', keys.publicKey),
      SubjectPublicKeyInfo,
    ),
  });
  const raw = await webcrypto.subtle.sign(ecdsa, keys.privateKey, AsnConvert.serialize(tbsCertificate));
  const signatureValue = derSignature(Buffer.from(raw));
  const der = AsnConvert.serialize(
    new Certificate({ tbsCertificate, signatureAlgorithm: ecdsaWithSha256, signatureValue }),
  );
  const certificate = new x509.X509Certificate(der);
  return { pem: `${certificate.toString('pem')}\n`, keyPem: await pemOf(keys), keys, certificate };
}

/** Converts r and s from WebCrypto to the SEQUENCE of two INTEGERs of X.509. */
function derSignature(raw: Buffer): ArrayBuffer {
  const integer = (bytes: Buffer) => {
    const first = bytes.findIndex((byte) => byte !== 0);
    const short = bytes.subarray(first);
    const positive = (short[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), short]) : short;
    return Buffer.concat([Buffer.of(2, positive.length), positive]);
  };
  const parts = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))]);
  return new Uint8Array([0x30, parts.length, ...parts]).buffer;
}

async function pemOf(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
}
