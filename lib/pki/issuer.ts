import { X509Certificate } from 'node:crypto';
import type { Authority } from './authority.ts';
import { brokenRule } from './broken-rule.ts';
import { type CertificateParts, readCertificate } from './certificate-parts.ts';
import type { Signer } from './signer.ts';
import { keyIdentifier, subjectKeyOf } from './subject-key.ts';

/** A CA as its certificates need it: what they say of it, what bounds them, and its key. */
export interface Issuer {
  readonly signer: Signer;
  /** Name, DER, octet for octet as in the CA's own certificate: chains are built by comparing it. */
  readonly name: Buffer;
  readonly keyIdentifier: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Undefined: unbounded. */
  readonly pathLength: number | undefined;
}

const keyCertSign = 1 << 5;

/**
 * Reads what issuing needs from a CA's certificate.
 * @throws FleetError `certificate-rule` (rule `issuer`) when it may not issue, or the key is not its own
 */
export function readIssuer({ certificatePem, signer }: Pick<Authority, 'certificatePem' | 'signer'>): Issuer {
  let parts: CertificateParts;
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(certificatePem);
    parts = readCertificate(certificate.raw);
  } catch (error) {
    throw brokenRule('issuer', 'the certificate of the issuing CA cannot be read', { cause: error });
  }
  if (parts.basicConstraints?.ca !== true) throw brokenRule('issuer', 'the issuing certificate is no CA');
  if (parts.keyUsage !== undefined && (parts.keyUsage & keyCertSign) === 0)
    throw brokenRule('issuer', 'the issuing CA may not sign certificates (keyUsage lacks keyCertSign)');
  if (!certificate.publicKey.equals(signer.publicKey))
    throw brokenRule('issuer', 'the signing key is not that of the issuing CA’s certificate');
  return {
    signer,
    name: parts.subject,
    keyIdentifier: parts.subjectKeyIdentifier ?? keyIdentifier(parts.publicKey),
    notBefore: parts.notBefore.date,
    notAfter: parts.notAfter.date,
    pathLength: parts.basicConstraints.pathLength,
  };
}

/** The issuer of a certificate that is its own: a root to be. */
export function selfIssuer(signer: Signer, name: Buffer, notBefore: Date, notAfter: Date): Issuer {
  const key = subjectKeyOf(signer.publicKey);
  if (key === undefined) throw brokenRule('key-type', 'the root key is of a type no CA has here');
  return { signer, name, keyIdentifier: keyIdentifier(key.octets), notBefore, notAfter, pathLength: undefined };
}
