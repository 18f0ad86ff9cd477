import type { Certificate } from './certificate.ts';

/** Why a chain does not count; the text is shown to the device. */
export class ChainError extends Error {
  override readonly name = 'ChainError';
}

export interface ChainRequest {
  /** As shown in the TLS handshake, leaf first. */
  readonly presented: readonly Certificate[];
  /** The CA certificates whose possession was proven. They need not be presented. */
  readonly verified: readonly Certificate[];
  readonly now: Date;
}

/** Longer chains do not occur in practice, and each step costs a signature check. */
const maxLength = 10;

/**
 * The path from the leaf up to the highest verified CA, every link of it checked: validity, CA flag and path length
 * (RFC 5280 6.1), issuer name, key identifier, key usage and signature.
 * @throws ChainError
 */
export function verifyChain({ presented, verified, now }: ChainRequest): Certificate[] {
  const isVerified = (certificate: Certificate) =>
    verified.some((each) => each.sha256Thumbprint === certificate.sha256Thumbprint);
  const [leaf] = presented;
  if (!leaf) throw new ChainError('Invalid certificate. The device presented none.');
  const path: Certificate[] = [];
  let trusted = 0;
  let next: Certificate | undefined = leaf;
  while (next && path.length < maxLength) {
    const fault = faultAt(next, path, now, isVerified(next));
    // Beyond a verified CA a fault only ends the climb; before it, it decides.
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

/** Whether the certificate is signed with its own key. (`checkIssued` would ask for a key usage that devices do not have.) */
export function isSelfSigned(certificate: Certificate): boolean {
  return certificate.x509.subject === certificate.x509.issuer && signed(certificate, certificate);
}

/** What is wrong with its dates, or undefined. */
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
  // A certificate of version 1 cannot say that it is a CA; one that was proven and uploaded as such needs not (6.1.1 d).
  const mayIssue = certificate.isCa === true || (isAnchor && certificate.isCa === undefined);
  if (!mayIssue) return `Invalid certificate. ${name} issued a certificate but is no CA.`;
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
    // A key type that OpenSSL cannot use for this signature.
    return false;
  }
}
