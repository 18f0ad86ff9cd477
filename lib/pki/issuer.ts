import { verify, X509Certificate } from 'node:crypto';
import { KeyUsageFlags } from '@peculiar/asn1-x509';
import { brokenRule } from './broken-rule.ts';
import { type CertificateParts, readCertificate } from './certificate.ts';
import { derHeader, derTag } from './der.ts';
import type { Signer } from './key-store.ts';
import { keyIdentifier, signatureAlgorithm, subjectKeyOf } from './keys.ts';

/** A CA that is open for signing. */
export interface Authority {
  readonly certificatePem: string;
  readonly signer: Signer;
  /** Issuers above it, nearest first, up to and including the root; empty for a root. */
  readonly chainPem: readonly string[];
}

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
  if (parts.keyUsage !== undefined && (parts.keyUsage & KeyUsageFlags.keyCertSign) === 0)
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
  return { signer, name, keyIdentifier: keyIdentifier(key.publicKey), notBefore, notAfter, pathLength: undefined };
}

/** Signs what was checked. @returns the certificate, DER */
export type SignCertificate = (tbs: Buffer) => Buffer | Promise<Buffer>;

/**
 * Verifying a P-256 signature costs 2.5 times as much as making it. A key in this process is OpenSSL's, which has no ways
 * to fail now and then; so its first signature is verified, and one in 256 after it, about one a chunk. Everything else is
 * verified each time: beside a request over the network, or an RSA signature, it costs nothing.
 */
const verifyOneIn = 256;

/** A signer for one issuer, which checks each certificate once more as it comes from the key. */
export function createCertificateSigning(issuer: Issuer): SignCertificate {
  const { signer } = issuer;
  const algorithm = signatureAlgorithm[signer.keyType];
  let signed = 0;

  function finish(tbs: Buffer, signature: Uint8Array, elsewhere: boolean): Buffer {
    const thorough = elsewhere || signer.keyType !== 'ec-p256' || signed % verifyOneIn === 0;
    signed += 1;
    if (signer.keyType !== 'rsa-4096') checkEcdsaSignature(signature);
    if (thorough && !verify(algorithm.hash, tbs, signer.publicKey, signature))
      throw brokenRule('signature', 'what the key returned is no signature of the certificate');
    return assemble(tbs, algorithm.der, signature);
  }

  return (tbs) => {
    const signature = signer.sign(tbs);
    return signature instanceof Promise
      ? signature.then((late) => finish(tbs, late, true))
      : finish(tbs, signature, false);
  };
}

/** SEQUENCE of two positive INTEGERs, to the last octet (RFC 3279 2.2.3). By hand: this runs on every certificate. */
function checkEcdsaSignature(signature: Uint8Array): void {
  const rLength = signature[3] ?? 0;
  const s = 4 + rLength;
  const sLength = signature[s + 1] ?? 0;
  const framed = signature[0] === derTag.sequence && signature[1] === signature.length - 2;
  const integers = signature[2] === derTag.integer && signature[s] === derTag.integer;
  const positive = rLength > 0 && sLength > 0 && (signature[4] ?? 0x80) < 0x80 && (signature[s + 2] ?? 0x80) < 0x80;
  if (!(framed && integers && positive && s + 2 + sLength === signature.length))
    throw brokenRule('signature', 'what the key returned is no ECDSA signature in DER');
}

/** Certificate (RFC 5280 4.1): TBSCertificate, algorithm, signature. */
function assemble(tbs: Buffer, algorithm: Buffer, signature: Uint8Array): Buffer {
  const bitString = derHeader(derTag.bitString, signature.length + 1);
  const length = tbs.length + algorithm.length + bitString.length + 1 + signature.length;
  const header = derHeader(derTag.sequence, length);
  const certificate = Buffer.allocUnsafe(header.length + length);
  let at = header.copy(certificate);
  at += tbs.copy(certificate, at);
  at += algorithm.copy(certificate, at);
  at += bitString.copy(certificate, at);
  certificate[at++] = 0; // unused bits
  certificate.set(signature, at);
  return certificate;
}
