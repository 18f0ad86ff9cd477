import { createHash, X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  Certificate as CertificateSyntax,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
} from '@peculiar/asn1-x509';

/** A parsed certificate, with the members that the rules of DPS need. */
export interface Certificate {
  readonly der: Buffer;
  readonly x509: X509Certificate;
  /** 1 or 3. */
  readonly version: number;
  /** The common names of the subject, in order. */
  readonly commonNames: readonly string[];
  readonly subjectName: string;
  readonly issuerName: string;
  readonly sha1Thumbprint: string;
  readonly sha256Thumbprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Undefined without a basic constraints extension. */
  readonly isCa: boolean | undefined;
  readonly pathLength: number | undefined;
  /** Object identifiers of unknown critical extensions. A certificate with one must be refused (RFC 5280 4.2). */
  readonly unknownCritical: readonly string[];
}

const commonNameType = '2.5.4.3';
/** OpenSSL checks the key usage. Extended key usage and alternative names do not matter for DPS. */
const understood = new Set([id_ce_basicConstraints, id_ce_keyUsage, id_ce_extKeyUsage, id_ce_subjectAltName]);

/** Parses a certificate. @throws Error if the bytes are not an X.509 certificate */
export function parseCertificate(der: Buffer): Certificate {
  const x509 = new X509Certificate(der);
  const { tbsCertificate } = AsnConvert.parse(der, CertificateSyntax);
  const constraints = tbsCertificate.extensions?.find((extension) => extension.extnID === id_ce_basicConstraints);
  const { cA, pathLenConstraint } = constraints
    ? AsnConvert.parse(constraints.extnValue, BasicConstraints)
    : { cA: undefined, pathLenConstraint: undefined };
  return {
    der,
    x509,
    version: tbsCertificate.version + 1,
    commonNames: [...tbsCertificate.subject].flatMap((part) =>
      [...part].filter((attribute) => attribute.type === commonNameType).map((attribute) => attribute.value.toString()),
    ),
    subjectName: distinguishedName(x509.subject),
    issuerName: distinguishedName(x509.issuer),
    sha1Thumbprint: createHash('sha1').update(der).digest('hex').toUpperCase(),
    sha256Thumbprint: createHash('sha256').update(der).digest('hex').toUpperCase(),
    notBefore: x509.validFromDate,
    notAfter: x509.validToDate,
    isCa: cA,
    pathLength: pathLenConstraint,
    unknownCritical: (tbsCertificate.extensions ?? [])
      .filter((extension) => extension.critical && !understood.has(extension.extnID))
      .map((extension) => extension.extnID),
  };
}

/**
 * Parses a certificate in any form that the official clients send: PEM, base64 of PEM, base64 of DER.
 * @throws Error if it is none of them
 */
export function decodeCertificate(text: string): Certificate {
  const pem = text.includes('-----BEGIN') ? text : undefined;
  if (pem === undefined) {
    const bytes = Buffer.from(text, 'base64');
    const inner = bytes.toString('latin1');
    return inner.includes('-----BEGIN') ? decodeCertificate(inner) : parseCertificate(bytes);
  }
  const [, base64] = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(pem) ?? [];
  return parseCertificate(Buffer.from(base64 ?? '', 'base64'));
}

/** `X509CertificateInfo` of the service API. */
export interface CertificateInfo {
  readonly subjectName: string;
  readonly sha1Thumbprint: string;
  readonly sha256Thumbprint: string;
  readonly issuerName: string;
  readonly notBeforeUtc: string;
  readonly notAfterUtc: string;
  readonly serialNumber: string;
  readonly version: number;
}

export function certificateInfo(certificate: Certificate): CertificateInfo {
  return {
    subjectName: certificate.subjectName,
    sha1Thumbprint: certificate.sha1Thumbprint,
    sha256Thumbprint: certificate.sha256Thumbprint,
    issuerName: certificate.issuerName,
    notBeforeUtc: seconds(certificate.notBefore),
    notAfterUtc: seconds(certificate.notAfter),
    serialNumber: certificate.x509.serialNumber,
    version: certificate.version,
  };
}

function seconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Converts a name from the form of Node (one part per line) to RFC 4514 (one line, last part first). */
function distinguishedName(lines: string | undefined): string {
  return (lines ?? '').split('\n').reverse().join(', ');
}

/** The chain is not valid. The message is sent to the device. */
export class ChainError extends Error {
  override readonly name = 'ChainError';
}

export interface ChainRequest {
  /** From the TLS handshake, leaf first. */
  readonly presented: readonly Certificate[];
  /** The CA certificates with proof of possession. The device need not present them. */
  readonly verified: readonly Certificate[];
  readonly now: Date;
}

/** Limits the number of signature checks. Longer chains do not occur in practice. */
const maxLength = 10;

/**
 * Builds the path from the leaf to the highest verified CA. Checks each certificate and link: validity, CA flag and path length
 * (RFC 5280 6.1), issuer name, key identifier, key usage and signature.
 * @returns the path, leaf first
 * @throws ChainError
 */
export function verifyChain({ presented, verified, now }: ChainRequest): Certificate[] {
  const isVerified = (certificate: Certificate) =>
    verified.some((each) => each.sha256Thumbprint === certificate.sha256Thumbprint);
  const [leaf] = presented;
  if (!leaf) throw new ChainError('Invalid certificate. The device presented no certificate.');
  const path: Certificate[] = [];
  let trusted = 0;
  let next: Certificate | undefined = leaf;
  while (next && path.length < maxLength) {
    const fault = faultAt(next, path, now, isVerified(next));
    // Above a verified CA an invalid certificate only ends the path. Below one it makes the chain invalid.
    if (fault && trusted > 0) break;
    if (fault) throw new ChainError(fault);
    path.push(next);
    if (isVerified(next)) trusted = path.length;
    next = issuerOf(next, path, [...verified, ...presented]);
  }
  if (trusted === 0) {
    const top = path.at(-1) ?? leaf;
    throw new ChainError(`CA certificate not found. No verified CA issued "${top.subjectName}".`);
  }
  return path.slice(0, trusted);
}

/** @returns whether the certificate is signed with its own key. `checkIssued` would require a key usage that devices do not have */
export function isSelfSigned(certificate: Certificate): boolean {
  return certificate.x509.subject === certificate.x509.issuer && signed(certificate, certificate);
}

/** @returns why the certificate is not valid at that time, or undefined */
export function validityFault(certificate: Certificate, now: Date): string | undefined {
  if (now < certificate.notBefore) {
    return `Invalid certificate. "${certificate.subjectName}" is not valid before ${certificate.notBefore.toISOString()}.`;
  }
  if (now > certificate.notAfter) {
    return `Invalid certificate. "${certificate.subjectName}" expired at ${certificate.notAfter.toISOString()}.`;
  }
  return undefined;
}

function faultAt(
  certificate: Certificate,
  below: readonly Certificate[],
  now: Date,
  isAnchor: boolean,
): string | undefined {
  const name = `"${certificate.subjectName}"`;
  const validity = validityFault(certificate, now);
  if (validity) return validity;
  if (certificate.unknownCritical.length > 0) {
    return `Invalid certificate. ${name} has critical extensions that are not supported: ${certificate.unknownCritical.join(', ')}.`;
  }
  if (below.length === 0) return undefined;
  // A version 1 certificate has no CA flag. A verified CA does not need one (6.1.1 d).
  const mayIssue = certificate.isCa === true || (isAnchor && certificate.isCa === undefined);
  if (!mayIssue) return `Invalid certificate. ${name} issued a certificate but is not a CA.`;
  const casBelow = below.slice(1).filter((each) => each.x509.subject !== each.x509.issuer).length;
  if (certificate.pathLength !== undefined && casBelow > certificate.pathLength) {
    return `Invalid certificate. ${name} allows ${certificate.pathLength} CAs below it and has ${casBelow}.`;
  }
  return undefined;
}

function issuerOf(
  certificate: Certificate,
  path: readonly Certificate[],
  candidates: readonly Certificate[],
): Certificate | undefined {
  return candidates.find(
    (candidate) =>
      !path.some((each) => each.sha256Thumbprint === candidate.sha256Thumbprint) &&
      certificate.x509.checkIssued(candidate.x509) &&
      signed(certificate, candidate),
  );
}

function signed(certificate: Certificate, issuer: Certificate): boolean {
  try {
    return certificate.x509.verify(issuer.x509.publicKey);
  } catch {
    // OpenSSL cannot use the key for this signature.
    return false;
  }
}

/** OpenSSL accepts up to 100 certificates in a handshake. The rules of DPS need only the first few. */
const maxPresented = 16;

/** Reads the chain of the TLS handshake, leaf first. It ends at the first unreadable certificate, and may be empty. */
export function presentedChain(socket: TLSSocket): Certificate[] {
  const chain: Certificate[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  let each: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A self-signed certificate is its own issuer.
  while (each?.raw && !seen.has(each) && chain.length < maxPresented) {
    seen.add(each);
    try {
      chain.push(parseCertificate(each.raw));
    } catch {
      break;
    }
    each = each.issuerCertificate;
  }
  return chain;
}
