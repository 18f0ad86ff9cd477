import type { CertificateParts } from '../certificate-parts.ts';
import type { Issuer } from '../issuer.ts';
import type { KeyType } from '../key-type.ts';
import type { Profile } from '../profile.ts';

/** What a certificate was meant to be, independently of its bytes. */
export interface Intent {
  readonly profile: Profile;
  readonly issuer: Issuer;
  readonly keyType: KeyType;
  readonly pathLength: number | undefined;
  readonly serialNumber: string;
  readonly commonName: string;
  readonly now: Date;
}

/** The parts in which certificates of one template differ. */
export type OwnParts = Pick<CertificateParts, 'serialNumber' | 'commonName' | 'publicKey' | 'subjectKeyIdentifier'>;
export type OwnIntent = Pick<Intent, 'profile' | 'keyType' | 'serialNumber' | 'commonName'>;

/**
 * Rules look at the bytes to be signed and say what is wrong with them. Their names are keys of the objects below, and
 * stand in error messages and in docs/certificates.md.
 */
export type SharedRule = (parts: CertificateParts, intent: Intent) => string | undefined;
/** Looks only at what differs between certificates of one template, and so runs on each of them: keep it cheap. */
export type OwnRule = (parts: OwnParts, intent: OwnIntent) => string | undefined;
