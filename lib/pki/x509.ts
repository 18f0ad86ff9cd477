import type { X509Certificate } from 'node:crypto';

/** RFC 5280, appendix A.1: ub-common-name, in characters. */
export const maxCommonNameLength = 64;

/** OBJECT IDENTIFIER of a name's common name: dotted, and as DER. */
export const commonNameId = '2.5.4.3';
export const commonNameIdDer = Buffer.from('0603550403', 'hex');

/** PKCS #9 extensionRequest (RFC 2985 5.4.2): the attribute of a request that has the extensions it asks for. */
export const extensionRequestId = '1.2.840.113549.1.9.14';

/** A signature algorithm: ECDSA (RFC 5758 3.2), or RSA PKCS#1 1.5 (RFC 4055 5). */
export interface SignatureAlgorithm {
  /** AlgorithmIdentifier, DER. */
  readonly der: Buffer;
  /** Kind of key that signs so. */
  readonly family: 'ec' | 'rsa';
  /** Name of the hash, as node:crypto takes it. */
  readonly hash: 'sha256' | 'sha384' | 'sha512';
}

export const signatureAlgorithms = {
  ecdsaWithSha256: { der: Buffer.from('300a06082a8648ce3d040302', 'hex'), family: 'ec', hash: 'sha256' },
  ecdsaWithSha384: { der: Buffer.from('300a06082a8648ce3d040303', 'hex'), family: 'ec', hash: 'sha384' },
  ecdsaWithSha512: { der: Buffer.from('300a06082a8648ce3d040304', 'hex'), family: 'ec', hash: 'sha512' },
  rsaWithSha256: { der: Buffer.from('300d06092a864886f70d01010b0500', 'hex'), family: 'rsa', hash: 'sha256' },
  rsaWithSha384: { der: Buffer.from('300d06092a864886f70d01010c0500', 'hex'), family: 'rsa', hash: 'sha384' },
  rsaWithSha512: { der: Buffer.from('300d06092a864886f70d01010d0500', 'hex'), family: 'rsa', hash: 'sha512' },
} as const satisfies Record<string, SignatureAlgorithm>;

const algorithmsByDer = new Map<string, SignatureAlgorithm>(
  Object.values(signatureAlgorithms).map((algorithm) => [algorithm.der.toString('hex'), algorithm]),
);

/** @param der AlgorithmIdentifier @returns undefined when it is not one of `signatureAlgorithms` */
export function readSignatureAlgorithm(der: Buffer): SignatureAlgorithm | undefined {
  return algorithmsByDer.get(der.toString('hex'));
}

/** The subject of a certificate on one line, such as `O=Acme, CN=Acme root`. Node writes one attribute per line. */
export function distinguishedName({ subject }: X509Certificate): string {
  // Node gives undefined for an empty subject, which its types do not say.
  return ((subject as string | undefined) ?? '').replaceAll('\n', ', ');
}

/** Whether one certificate issued another: the names and key identifiers fit, and the signature verifies. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    // OpenSSL throws when such a key cannot have made such a signature.
    return false;
  }
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuedBy(certificate, certificate);
}
