import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { readElement } from './der.ts';
import type { Issuer } from './issuer.ts';
import type { Profile } from './profile.ts';
import { webCryptoAlgorithm } from './signature-algorithm.ts';
import { keyIdentifier, type SubjectKey } from './subject-key.ts';

/** What is particular to one certificate; its profile says the rest. */
export interface CertificateContent {
  readonly profile: Profile;
  /** Hex, 16 octets. */
  readonly serialNumber: string;
  readonly commonName: string;
  readonly key: SubjectKey;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Of CAs; undefined leaves the constraint out. */
  readonly pathLength?: number;
}

/**
 * The library makes whole certificates. It is given this for a signature, so that no key signs what no rule has seen yet;
 * as long as the longest of ECDSA, two numbers of 48 octets.
 */
const noSignature = new Uint8Array(96).fill(1);

/** TBSCertificate, DER, as the profile wants it. Nothing is checked here: rules/ checks the bytes. */
export async function toBeSigned(content: CertificateContent, issuer: Issuer): Promise<Buffer> {
  const { serialNumber, commonName, key, notBefore, notAfter } = content;
  const { rawData } = await x509.X509CertificateGenerator.create({
    ...{ serialNumber, notBefore, notAfter },
    subject: nameOf(commonName),
    issuer: new x509.Name(issuer.name),
    publicKey: key.info,
    signingAlgorithm: webCryptoAlgorithm[issuer.signer.keyType],
    signature: noSignature,
    extensions: extensionsOf(content, issuer),
  });
  const { content: parts } = readElement(Buffer.from(rawData));
  return readElement(parts).whole;
}

/** A name of one common name, DER; UTF8String, as RFC 5280 4.1.2.4 wants it of new certificates. */
export function encodeName(commonName: string): Buffer {
  return Buffer.from(nameOf(commonName).toArrayBuffer());
}

export function nameOf(commonName: string): x509.Name {
  return new x509.Name([{ CN: [{ utf8String: commonName }] }]);
}

function extensionsOf({ profile, key, pathLength }: CertificateContent, issuer: Issuer): x509.Extension[] {
  const purposes = [...profile.extendedKeyUsage];
  return [
    new x509.BasicConstraintsExtension(profile.ca, pathLength, true),
    new x509.KeyUsagesExtension(profile.keyUsage(key.type), true),
    ...(purposes.length > 0 ? [new x509.ExtendedKeyUsageExtension(purposes)] : []),
    new x509.SubjectKeyIdentifierExtension(keyIdentifier(key.octets).toString('hex')),
    new x509.AuthorityKeyIdentifierExtension(issuer.keyIdentifier.toString('hex')),
  ];
}
