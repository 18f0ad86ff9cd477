import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { brokenRule } from './broken-rule.ts';
import { readElement } from './der.ts';
import type { Issuer } from './issuer.ts';
import { keyIdentifier, type SubjectKey, webCryptoAlgorithm } from './keys.ts';
import { lint, lintPerCertificate } from './lint.ts';
import { extendedKeyUsageIds, keyUsageBits, type Profile } from './profiles.ts';
import type { Intent, VaryingIntent } from './rules.ts';

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
  const purposes = extendedKeyUsageIds(profile);
  return [
    new x509.BasicConstraintsExtension(profile.ca, pathLength, true),
    new x509.KeyUsagesExtension(keyUsageBits(profile, key.type), true),
    ...(purposes.length > 0 ? [new x509.ExtendedKeyUsageExtension(purposes)] : []),
    new x509.SubjectKeyIdentifierExtension(keyIdentifier(key.publicKey).toString('hex')),
    new x509.AuthorityKeyIdentifierExtension(issuer.keyIdentifier.toString('hex')),
  ];
}

/*
 * Two certificates of one profile, issuer, validity and kind of key, whose common names are equally long, differ in serial
 * number, common name, public key and its identifier, all of fixed length. So @peculiar/x509 makes the first of them, all
 * rules are checked on it, and the next ones are its bytes with those four parts replaced, and the rules on these checked.
 * Preparing one takes a five-hundredth of the time that making and reading it anew would, and it cannot come out differently.
 */
export interface Template {
  /** The first certificate's TBSCertificate, DER. */
  readonly tbs: Buffer;
  readonly profile: Intent['profile'];
  readonly keyType: Intent['keyType'];
  /** Where the four parts lie in `tbs`. */
  readonly at: Readonly<Record<'serialNumber' | 'commonName' | 'publicKey' | 'subjectKeyIdentifier', Range>>;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** @throws FleetError `certificate-rule` */
export async function createTemplate(
  content: CertificateContent,
  issuer: Intent['issuer'],
  now: Date,
): Promise<Template> {
  const tbs = await toBeSigned(content, issuer);
  const { profile, key, pathLength } = content;
  const parts = lint(tbs, { ...content, pathLength, keyType: key.type, issuer, now });
  const rangeOf = (part: Buffer | undefined): Range => {
    if (part === undefined) throw new Error('a part that the rules ask for is missing');
    const start = part.byteOffset - tbs.byteOffset;
    return { start, end: start + part.length };
  };
  return {
    ...{ tbs, profile, keyType: key.type },
    at: {
      serialNumber: rangeOf(parts.serialNumber),
      commonName: rangeOf(parts.commonName),
      publicKey: rangeOf(parts.publicKey),
      subjectKeyIdentifier: rangeOf(parts.subjectKeyIdentifier),
    },
  };
}

/**
 * Another certificate of the template, to be signed.
 * @param publicKey content of the BIT STRING, as long as the template's
 * @throws FleetError `certificate-rule`
 */
export function fillTemplate(
  { tbs: first, at, profile, keyType }: Template,
  { serialNumber, commonName }: Pick<VaryingIntent, 'serialNumber' | 'commonName'>,
  publicKey: Buffer,
): { tbs: Buffer; subjectKeyIdentifier: Buffer } {
  const tbs = Buffer.allocUnsafe(first.length);
  first.copy(tbs);
  const view = ({ start, end }: Range) => tbs.subarray(start, end);
  const own = {
    serialNumber: view(at.serialNumber),
    commonName: view(at.commonName),
    publicKey: view(at.publicKey),
    subjectKeyIdentifier: view(at.subjectKeyIdentifier),
  };
  own.serialNumber.write(serialNumber, 'hex');
  own.commonName.write(commonName, 'utf8');
  if (publicKey.length !== own.publicKey.length)
    throw brokenRule('key-strength', 'its key is not as long as keys of its type are');
  own.publicKey.set(publicKey);
  own.subjectKeyIdentifier.set(keyIdentifier(publicKey));
  lintPerCertificate(own, { profile, keyType, serialNumber, commonName });
  return { tbs, subjectKeyIdentifier: own.subjectKeyIdentifier };
}
