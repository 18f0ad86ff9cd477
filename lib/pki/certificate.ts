import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  ExtendedKeyUsage,
  Extension,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  KeyUsage,
} from '@peculiar/asn1-x509';
import { bitStringOctets, type DerElement, DerError, derTag, readConstructed, readElements } from './der.ts';
import { type CertificateTime, readTime, timeEncodingByTag } from './time.ts';
import { commonNameIdDer } from './x509.ts';

/** The parts of a certificate. Buffers are views of its bytes, so that `byteOffset` says where each part lies. */
export interface CertificateParts {
  /** 3 for v3. */
  readonly version: number;
  readonly serialNumber: Buffer;
  /** AlgorithmIdentifier, DER. */
  readonly signatureAlgorithm: Buffer;
  /** Names, DER. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** Content of the UTF8String, where the subject is one common name and nothing else. */
  readonly commonName: Buffer | undefined;
  readonly notBefore: CertificateTime;
  readonly notAfter: CertificateTime;
  /** The content of its element. */
  readonly notAfterOctets: Buffer;
  /** SubjectPublicKeyInfo, DER, and the content of its BIT STRING. */
  readonly publicKeyInfo: Buffer;
  readonly publicKey: Buffer;
  readonly extensions: readonly { readonly id: string; readonly critical: boolean }[];
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  /** Bits of KeyUsage, bit 0 of the BIT STRING being 1. */
  readonly keyUsage: number | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** The name in the subject alternative name, as an element of GeneralNames, where that has one name. */
  readonly alternativeName: DerElement | undefined;
  readonly subjectKeyIdentifier: Buffer | undefined;
  readonly authorityKeyIdentifier: Buffer | undefined;
}

/** Reads a certificate (RFC 5280 4.1). @throws DerError or an error of the ASN.1 library when it is not a certificate */
export function readCertificate(der: Buffer): CertificateParts {
  const [tbs] = readConstructed(der, derTag.sequence);
  return readToBeSigned(expect(tbs, derTag.sequence).whole);
}

/** Reads TBSCertificate (RFC 5280 4.1). @throws DerError or an error of the ASN.1 library */
export function readToBeSigned(tbs: Buffer): CertificateParts {
  const elements = readConstructed(tbs, derTag.sequence);
  const version = elements[0]?.tag === derTag.context0 ? elements.shift() : undefined;
  const [serialNumber, signature, issuer, validity, subject, publicKeyInfo, ...optional] = elements;
  const [notBefore, notAfter] = readElements(expect(validity, derTag.sequence).content);
  const extensions = readExtensions(optional.find((element) => element.tag === derTag.context3));
  const value = (id: string) => extensions.find((extension) => extension.id === id)?.value;

  const constraints = parse(value(id_ce_basicConstraints), BasicConstraints);
  const purposes = parse(value(id_ce_extKeyUsage), ExtendedKeyUsage);
  const authority = parse(value(id_ce_authorityKeyIdentifier), AuthorityKeyIdentifier)?.keyIdentifier?.buffer;
  const subjectKey = value(id_ce_subjectKeyIdentifier);
  const names = value(id_ce_subjectAltName);
  return {
    version: version === undefined ? 1 : (expect(readElements(version.content)[0], derTag.integer).content[0] ?? 0) + 1,
    serialNumber: expect(serialNumber, derTag.integer).content,
    signatureAlgorithm: expect(signature, derTag.sequence).whole,
    issuer: expect(issuer, derTag.sequence).whole,
    subject: expect(subject, derTag.sequence).whole,
    commonName: onlyCommonName(expect(subject, derTag.sequence)),
    notBefore: timeOf(notBefore),
    notAfter: timeOf(notAfter),
    notAfterOctets: notAfter?.content ?? Buffer.alloc(0),
    publicKeyInfo: expect(publicKeyInfo, derTag.sequence).whole,
    publicKey: bitStringOctets(readElements(expect(publicKeyInfo, derTag.sequence).content)[1]),
    extensions,
    basicConstraints: constraints && { ca: constraints.cA, pathLength: constraints.pathLenConstraint },
    keyUsage: parse(value(id_ce_keyUsage), KeyUsage)?.toNumber(),
    extendedKeyUsage: purposes && [...purposes],
    alternativeName: names && onlyElement(readConstructed(names, derTag.sequence)),
    subjectKeyIdentifier: subjectKey && octetString(subjectKey),
    authorityKeyIdentifier: authority && Buffer.from(authority),
  };
}

function readExtensions(wrapper: DerElement | undefined): { id: string; critical: boolean; value: Buffer }[] {
  if (wrapper === undefined) return [];
  return readConstructed(wrapper.content, derTag.sequence).map(({ whole, content }) => {
    const { extnID, critical } = AsnConvert.parse(whole, Extension);
    // The library copies the value. Templates need it where it lies.
    const value = expect(readElements(content).at(-1), derTag.octetString).content;
    return { id: extnID, critical, value };
  });
}

function onlyCommonName(name: DerElement): Buffer | undefined {
  const [set, ...others] = readElements(name.content);
  if (set?.tag !== derTag.set || others.length > 0) return undefined;
  const [attribute, ...further] = readElements(set.content);
  if (attribute === undefined || further.length > 0) return undefined;
  const [type, value] = readElements(attribute.content);
  return type?.whole.equals(commonNameIdDer) && value?.tag === derTag.utf8String ? value.content : undefined;
}

function onlyElement(elements: readonly DerElement[]): DerElement | undefined {
  return elements.length === 1 ? elements[0] : undefined;
}

function timeOf(element: DerElement | undefined): CertificateTime {
  const encoding = timeEncodingByTag(element?.tag);
  if (element === undefined || encoding === undefined)
    throw new DerError('has a time that is not in the form of RFC 5280');
  return { date: readTime(element.content, encoding), encoding };
}

function octetString(der: Buffer): Buffer {
  return expect(readElements(der)[0], derTag.octetString).content;
}

function parse<T>(der: Buffer | undefined, type: new () => T): T | undefined {
  return der === undefined ? undefined : AsnConvert.parse(der, type);
}

function expect(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new DerError('does not have the structure of a certificate');
  return element;
}

export type PemLabel = 'CERTIFICATE' | 'PUBLIC KEY' | 'CERTIFICATE REQUEST';

/** @returns PEM (RFC 7468): lines of 64 characters, each with a newline at its end */
export function toPem(label: PemLabel, der: Buffer): string {
  const base64 = der.toString('base64');
  let lines = '';
  for (let at = 0; at < base64.length; at += 64) lines += `${base64.slice(at, at + 64)}\n`;
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
}
