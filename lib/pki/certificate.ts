import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  ExtendedKeyUsage,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectKeyIdentifier,
  KeyUsage,
} from '@peculiar/asn1-x509';
import { bitStringOctets, type DerElement, DerError, derTag, readConstructed, readElements } from './der.ts';

/** A point in time as a certificate writes it. */
export interface CertificateTime {
  readonly date: Date;
  readonly encoding: 'UTCTime' | 'GeneralizedTime';
}

/**
 * What stands in a certificate, read from its bytes. Buffers are views of them, so that `byteOffset` tells where each
 * part lies.
 */
export interface CertificateParts {
  /** 3 for v3. */
  readonly version: number;
  readonly serialNumber: Buffer;
  /** AlgorithmIdentifier, DER. */
  readonly signatureAlgorithm: Buffer;
  /** Names, DER. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** Content of the subject's UTF8String, where the subject is one common name and nothing else. */
  readonly commonName: Buffer | undefined;
  readonly notBefore: CertificateTime;
  readonly notAfter: CertificateTime;
  /** SubjectPublicKeyInfo, DER, and the content of its BIT STRING. */
  readonly publicKeyInfo: Buffer;
  readonly publicKey: Buffer;
  readonly extensions: readonly { readonly id: string; readonly critical: boolean }[];
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  /** Bits of KeyUsage, bit 0 of the BIT STRING being 1. */
  readonly keyUsage: number | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectKeyIdentifier: Buffer | undefined;
  readonly authorityKeyIdentifier: Buffer | undefined;
}

/** @throws DerError or an error of the ASN.1 library when it is no certificate */
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
  return {
    version: version === undefined ? 1 : (expect(readElements(version.content)[0], derTag.integer).content[0] ?? 0) + 1,
    serialNumber: expect(serialNumber, derTag.integer).content,
    signatureAlgorithm: expect(signature, derTag.sequence).whole,
    issuer: expect(issuer, derTag.sequence).whole,
    subject: expect(subject, derTag.sequence).whole,
    commonName: onlyCommonName(expect(subject, derTag.sequence)),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    publicKeyInfo: expect(publicKeyInfo, derTag.sequence).whole,
    publicKey: bitStringOctets(readElements(expect(publicKeyInfo, derTag.sequence).content)[1]),
    extensions,
    basicConstraints: constraints && { ca: constraints.cA, pathLength: constraints.pathLenConstraint },
    keyUsage: parse(value(id_ce_keyUsage), KeyUsage)?.toNumber(),
    extendedKeyUsage: purposes && [...purposes],
    subjectKeyIdentifier: subjectKey && octetString(subjectKey),
    authorityKeyIdentifier: authority && Buffer.from(authority),
  };
}

function readExtensions(wrapper: DerElement | undefined): { id: string; critical: boolean; value: Buffer }[] {
  if (wrapper === undefined) return [];
  return readConstructed(wrapper.content, derTag.sequence).map((extension) => {
    const parts = readElements(expect(extension, derTag.sequence).content);
    const value = expect(parts.at(-1), derTag.octetString).content;
    return { id: objectIdentifier(parts[0]), critical: parts.length === 3 && parts[1]?.content[0] === 0xff, value };
  });
}

/** In dotted form. All we meet begin with 2.5 or 1.3, whose first octet holds two arcs (X.690 8.19). */
function objectIdentifier(element: DerElement | undefined): string {
  const octets = expect(element, 0x06).content;
  const first = octets[0] ?? 0;
  const arcs = [Math.min(2, Math.floor(first / 40))];
  arcs.push(first - 40 * (arcs[0] ?? 0));
  let arc = 0;
  for (const octet of octets.subarray(1)) {
    arc = arc * 128 + (octet & 0x7f);
    if (octet < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  return arcs.join('.');
}

const commonNameId = Buffer.from('0603550403', 'hex');

function onlyCommonName(name: DerElement): Buffer | undefined {
  const [set, ...others] = readElements(name.content);
  if (set?.tag !== derTag.set || others.length > 0) return undefined;
  const [attribute, ...further] = readElements(set.content);
  if (attribute === undefined || further.length > 0) return undefined;
  const [type, value] = readElements(attribute.content);
  return type?.whole.equals(commonNameId) && value?.tag === derTag.utf8String ? value.content : undefined;
}

/** RFC 5280 4.1.2.5: YYMMDDHHMMSSZ of 1950 to 2049, or YYYYMMDDHHMMSSZ. */
function readTime(element: DerElement | undefined): CertificateTime {
  const text = element?.content.toString('latin1') ?? '';
  const [, year = '', month, day, hour, minute, second] = /^(\d{2,4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  const short = element?.tag === derTag.utcTime && year.length === 2;
  if (!short && !(element?.tag === derTag.generalizedTime && year.length === 4))
    throw new DerError('has a time that is not of the form RFC 5280 asks for');
  const century = short ? (Number(year) < 50 ? '20' : '19') : '';
  const date = new Date(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(date.getTime())) throw new DerError(`has an impossible time, ${text}`);
  return { date, encoding: short ? 'UTCTime' : 'GeneralizedTime' };
}

function octetString(der: Buffer): Buffer {
  return expect(readElements(der)[0], derTag.octetString).content;
}

function parse<T>(der: Buffer | undefined, type: new () => T): T | undefined {
  return der === undefined ? undefined : AsnConvert.parse(der, type);
}

function expect(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new DerError('is not laid out like a certificate');
  return element;
}

export type PemLabel = 'CERTIFICATE' | 'PRIVATE KEY' | 'PUBLIC KEY' | 'CERTIFICATE REQUEST';

/** PEM as RFC 7468 writes it: lines of 64 characters, each ended by a newline. */
export function toPem(label: PemLabel, der: Buffer): string {
  const base64 = der.toString('base64');
  let lines = '';
  for (let at = 0; at < base64.length; at += 64) lines += `${base64.slice(at, at + 64)}\n`;
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
}
