import { X509Certificate } from 'node:crypto';
import { excerpt, type Fault } from '../errors.ts';
import { type CertificateParts, readCertificate } from '../pki/certificate-parts.ts';

/** A CA certificate that somebody gave us, read. */
export interface CaCertificate {
  readonly pem: string;
  readonly x509: X509Certificate;
  readonly parts: CertificateParts;
  /** The subject on one line, for messages. */
  readonly name: string;
}

/** A chain of ten RSA-4096 certificates with long names has 30 KB. */
const longestText = 64 * 1024;
const mostCertificates = 10;

const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * Reads every certificate in a text of PEM blocks.
 * @param path what faults name, such as `certificate` or `chain`
 */
export function readCaCertificates(text: string, path: string): { certificates: CaCertificate[]; faults: Fault[] } {
  const fault = (message: string) => ({ certificates: [], faults: [{ path, message }] });
  if (text.length > longestText) return fault(`has ${text.length} characters, and ${longestText} are read`);
  if (/PRIVATE KEY-----/.test(text)) return fault('holds a private key, which belongs into a file of its own');
  const blocks = text.match(block) ?? [];
  if (blocks.length === 0) return fault('holds no certificate in PEM');
  if (blocks.length > mostCertificates) return fault(`holds more than ${mostCertificates} certificates`);
  const certificates: CaCertificate[] = [];
  const faults: Fault[] = [];
  for (const [index, pem] of blocks.entries()) {
    try {
      const x509 = new X509Certificate(pem);
      certificates.push({ pem: x509.toString(), x509, parts: readCertificate(x509.raw), name: nameOf(x509) });
    } catch {
      faults.push({ path, message: `certificate ${index + 1} in it cannot be read` });
    }
  }
  return { certificates, faults };
}

export const isSelfSigned = (ca: CaCertificate): boolean => isIssuedBy(ca, ca);

export function isIssuedBy({ x509 }: CaCertificate, issuer: CaCertificate): boolean {
  try {
    return x509.checkIssued(issuer.x509) && x509.verify(issuer.x509.publicKey);
  } catch {
    // A key that this signature cannot have been made with.
    return false;
  }
}

/** Node writes one part of a name a line. */
function nameOf({ subject }: X509Certificate): string {
  return excerpt((subject ?? '').split('\n').join(', '));
}
