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

/** The parts of a CA that its certificates repeat or are bounded by, and its key. */
export interface Issuer {
  readonly signer: Signer;
  /** Name, DER, with the octets of the CA's own certificate: verifiers build chains by comparing them. */
  readonly name: Buffer;
  readonly keyIdentifier: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** How many CAs may follow below it; undefined for any number. */
  readonly pathLength: number | undefined;
}

/**
 * Reads a CA's certificate for issuing.
 * @throws FleetError `certificate-rule` (rule `issuer`) when the CA may not issue, or the signer has another key
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
  if (parts.basicConstraints?.ca !== true) throw brokenRule('issuer', 'the issuing certificate is not that of a CA');
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

/** Issuer data for a self-signed certificate. @throws FleetError `certificate-rule` (rule `key-type`) */
export function selfIssuer(signer: Signer, name: Buffer, notBefore: Date, notAfter: Date): Issuer {
  const key = subjectKeyOf(signer.publicKey);
  if (key === undefined) throw brokenRule('key-type', 'the root key is of a type that CAs here do not have');
  return { signer, name, keyIdentifier: keyIdentifier(key.publicKey), notBefore, notAfter, pathLength: undefined };
}

/** Signs a TBSCertificate that all rules were checked on. Gives the certificate, DER. */
export type CertificateSigning =
  | { readonly isLocal: true; readonly sign: (tbs: Buffer) => Buffer }
  | { readonly isLocal: false; readonly sign: (tbs: Buffer) => Promise<Buffer> };

/**
 * Of a local P-256 key the first signature is verified and one in 256 after it, about one per chunk: verifying costs 2.5 times
 * as much as signing, and OpenSSL does not fail intermittently. Every signature of another key is verified, since that costs
 * little next to a request over the network or an RSA signature.
 */
const verifyOneIn = 256;

/**
 * Signs certificates with the key of one issuer, and checks each signature.
 * @throws FleetError `certificate-rule` (rule `signature`); `throttled` or `unavailable` from a key that is not local
 */
export function createCertificateSigning({ signer }: Issuer): CertificateSigning {
  const algorithm = signatureAlgorithm[signer.keyType];
  const verifiesAll = !signer.isLocal || signer.keyType !== 'ec-p256';
  let signed = 0;

  function finish(tbs: Buffer, signature: Uint8Array): Buffer {
    if (signer.keyType !== 'rsa-4096') checkEcdsaSignature(signature);
    const verifies = verifiesAll || signed % verifyOneIn === 0;
    signed += 1;
    if (verifies && !verify(algorithm.hash, tbs, signer.publicKey, signature))
      throw brokenRule('signature', 'the key returned something that is not a signature of the certificate');
    return assemble(tbs, algorithm.der, signature);
  }

  if (signer.isLocal) return { isLocal: true, sign: (tbs) => finish(tbs, signer.sign(tbs)) };
  return { isLocal: false, sign: async (tbs) => finish(tbs, await signer.sign(tbs)) };
}

/** SEQUENCE of two positive INTEGERs and nothing behind them (RFC 3279 2.2.3). By hand, since it runs on every certificate. */
function checkEcdsaSignature(signature: Uint8Array): void {
  const rLength = signature[3] ?? 0;
  const s = 4 + rLength;
  const sLength = signature[s + 1] ?? 0;
  const framed = signature[0] === derTag.sequence && signature[1] === signature.length - 2;
  const integers = signature[2] === derTag.integer && signature[s] === derTag.integer;
  const positive = rLength > 0 && sLength > 0 && (signature[4] ?? 0x80) < 0x80 && (signature[s + 2] ?? 0x80) < 0x80;
  if (!(framed && integers && positive && s + 2 + sLength === signature.length))
    throw brokenRule('signature', 'the key returned something that is not an ECDSA signature in DER');
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
