import { hash } from 'node:crypto';
import type { WorkAction } from './actions.ts';

/** What names a certificate in the audit trail. */
export interface NamedCertificate {
  readonly deviceId: string;
  /** Hex. */
  readonly serialNumber: string;
  /** Hex. */
  readonly sha256Thumbprint: string;
}

/**
 * A digest of the certificates of one archive, in any order. An entry has it in the place of their names: a chunk has 400. It
 * does not change when a bundle is erased.
 * @returns SHA-256 of the sorted lines `deviceId serialNumber sha256Thumbprint`, lower-case hex
 */
export function certificatesDigest(certificates: readonly NamedCertificate[]): string {
  const lines = certificates.map(({ deviceId, serialNumber, sha256Thumbprint }) =>
    `${deviceId} ${serialNumber} ${sha256Thumbprint}\n`.toLowerCase(),
  );
  return hash('sha256', lines.sort().join(''));
}

/** @returns SHA-256 of an archive's index as it is stored, lower-case hex. The index has the SHA-256 of each bundle. */
export function indexDigest(index: readonly unknown[]): string {
  return hash('sha256', JSON.stringify(index));
}

/** Name of the act of issuing the certificates of one chunk. */
export const issueAction = 'issue-certificates' satisfies WorkAction;

/** @returns SHA-256 of a certificate (PEM), lower-case hex */
export function certificateSha256(pem: string): string {
  return hash('sha256', Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64'));
}
