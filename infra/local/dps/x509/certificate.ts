import { createHash, X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  Certificate as CertificateSyntax,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
} from '@peculiar/asn1-x509';

/** A parsed certificate with what the matching rules need to know of it. */
export interface Certificate {
  readonly der: Buffer;
  readonly x509: X509Certificate;
  /** 1 or 3. */
  readonly version: number;
  /** Every common name of the subject, in order. */
  readonly commonNames: readonly string[];
  readonly subjectName: string;
  readonly issuerName: string;
  readonly sha1Thumbprint: string;
  readonly sha256Thumbprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Undefined when the extension is absent. */
  readonly isCa: boolean | undefined;
  readonly pathLength: number | undefined;
  /** Object identifiers of critical extensions that nothing here understands (RFC 5280 4.2: then it must be refused). */
  readonly unknownCritical: readonly string[];
}

const commonNameType = '2.5.4.3';
/** Checked by us or by OpenSSL's issuer check (key usage); purpose and alternative names have no part in DPS's rules. */
const understood = new Set([id_ce_basicConstraints, id_ce_keyUsage, id_ce_extKeyUsage, id_ce_subjectAltName]);

/** @throws Error when the bytes are no certificate */
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
 * Reads a certificate in every form that the official clients send: PEM, base64 of PEM, base64 of DER.
 * @throws Error when it is none of them
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

/** Node writes one part a line, first one first; one line in the order of RFC 4514, last one first, is what we show. */
function distinguishedName(lines: string | undefined): string {
  return (lines ?? '').split('\n').reverse().join(', ');
}
