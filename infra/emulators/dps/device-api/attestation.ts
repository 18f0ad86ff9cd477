import { createHmac } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { isExpired, isSignedBy, parseSharedAccessSignature, type SharedAccessSignature } from '../authorization.ts';
import type { Entry } from '../entries/entry.ts';
import type { EntryStore } from '../entries/entry-store.ts';
import { dpsError, type ServiceError } from '../http/service-error.ts';
import type { CaCertificates } from '../management-api/ca-certificates.ts';
import type { DeviceCredential, X509Proof } from '../registrations/registration.ts';
import {
  type Certificate,
  ChainError,
  certificateInfo,
  isSelfSigned,
  presentedChain,
  validityFault,
  verifyChain,
} from '../x509.ts';

/** An identified device, and the enrollment that applies to it. */
export interface Attested {
  readonly entry: Entry;
  /** In the spelling of the certificate's common name, or of the signed resource. */
  readonly registrationId: string;
  readonly credential: DeviceCredential;
  /** Of a device that was identified by a certificate. */
  readonly x509?: X509Proof;
}

interface Found {
  readonly entry: Entry;
  /** The certificate of the chain that the group holds. */
  readonly issuer?: Certificate;
}

export interface X509AttestationParts {
  readonly entries: EntryStore;
  readonly cas: Pick<CaCertificates, 'verified' | 'namesOf'>;
  readonly now: () => Date;
}

/**
 * Creates the attestation by the certificate chain of the TLS handshake. As documented in
 * https://learn.microsoft.com/azure/iot-dps/concepts-x509-attestation, it looks for the individual enrollment of the leaf, then for
 * the group of each issuer up to the root. The first enrollment found applies, even if it is disabled.
 */
export function createX509Attestation({ entries, cas, now }: X509AttestationParts) {
  return (socket: TLSSocket, registrationId: string): Attested => {
    const presented = presentedChain(socket);
    const [leaf] = presented;
    if (!leaf) throw unauthorized('Unauthorized. The device presented neither a client certificate nor a signature.');
    const individual = individualOf(leaf, presented) ?? blockOf(registrationId, presented);
    const { entry, issuer }: Found = individual ? { entry: individual } : groupOf(presented);
    checkCommonName(leaf, registrationId, entry);
    return {
      entry,
      registrationId: entry.kind === 'individual' ? entry.id : (leaf.commonNames[0] ?? registrationId),
      credential: { type: 'x509', thumbprint: leaf.sha256Thumbprint, certificate: leaf.der.toString('base64') },
      x509: {
        certificateInfo: certificateInfo(leaf),
        ...(issuer && { signingCertificateInfo: certificateInfo(issuer) }),
      },
    };
  };

  function individualOf(leaf: Certificate, presented: readonly Certificate[]): Entry | undefined {
    const entry = entries.ofCertificate('individual', leaf.sha256Thumbprint);
    if (!entry) return undefined;
    // The enrollment itself establishes trust in a self-signed certificate. An issued one needs a verified CA.
    const fault = isSelfSigned(leaf) ? validityFault(leaf, now()) : undefined;
    if (fault) throw unauthorized(fault);
    if (!isSelfSigned(leaf)) chainOf(presented);
    return entry;
  }

  /**
   * A disabled individual enrollment with a symmetric key blocks a device of a group by its registration id:
   * https://learn.microsoft.com/azure/iot-dps/how-to-revoke-device-access-portal
   */
  function blockOf(registrationId: string, presented: readonly Certificate[]): Entry | undefined {
    const entry = entries.get('individual', registrationId);
    if (entry?.attestation.type !== 'symmetricKey' || entry.settings.provisioningStatus !== 'disabled')
      return undefined;
    chainOf(presented);
    return entry;
  }

  function groupOf(presented: readonly Certificate[]): Found {
    for (const issuer of chainOf(presented).slice(1)) {
      const entry = entries.ofCertificate('group', issuer.sha256Thumbprint) ?? byCaReference(issuer);
      if (entry) return { entry, issuer };
    }
    throw unauthorized('Unauthorized. No enrollment holds this certificate or one of its issuers.');
  }

  function byCaReference(issuer: Certificate): Entry | undefined {
    for (const name of cas.namesOf(issuer.sha256Thumbprint)) {
      const entry = entries.ofCaReference(name);
      if (entry) return entry;
    }
    return undefined;
  }

  function chainOf(presented: readonly Certificate[]): Certificate[] {
    try {
      return verifyChain({ presented, verified: cas.verified(), now: now() });
    } catch (error) {
      if (error instanceof ChainError) throw unauthorized(error.message);
      throw error;
    }
  }
}

function checkCommonName(leaf: Certificate, registrationId: string, entry: Entry): void {
  const [commonName, ...others] = leaf.commonNames;
  if (commonName === undefined || others.length > 0) {
    throw unauthorized('Invalid certificate. The subject must have one common name, the registration id.');
  }
  if (commonName.toLowerCase() !== registrationId.toLowerCase()) {
    throw unauthorized(`Invalid certificate. Its common name "${commonName}" is not the registration id.`);
  }
  if (entry.kind === 'individual' && entry.id.toLowerCase() !== registrationId.toLowerCase()) {
    throw unauthorized('Invalid certificate. It is enrolled under another registration id.');
  }
}

function unauthorized(message: string): ServiceError {
  return dpsError(401, message, 401002);
}

export interface SymmetricKeyAttestationParts {
  readonly entries: EntryStore;
  readonly idScope: string;
  readonly now: () => Date;
}

/**
 * Creates the attestation by a shared access signature over `{idScope}/registrations/{registrationId}`. The key is that of the
 * individual enrollment, or else the key that a group derives for the registration id
 * (https://learn.microsoft.com/azure/iot-dps/concepts-symmetric-key-attestation).
 */
export function createSymmetricKeyAttestation({ entries, idScope, now }: SymmetricKeyAttestationParts) {
  return (header: string, registrationId: string): Attested => {
    const token = parseSharedAccessSignature(header);
    if (!token) throw unauthorizedSignature('The Authorization header is not a shared access signature.');
    if (isExpired(token, now())) throw unauthorizedSignature('The shared access signature has expired.');
    if (token.resource !== `${idScope}/registrations/${registrationId}`.toLowerCase()) {
      throw unauthorizedSignature('The shared access signature is for another resource.');
    }
    const individual = entries.get('individual', registrationId);
    const candidates = individual ? [individual] : entries.symmetricKeyGroups();
    for (const entry of candidates) {
      const credential = credentialOf(entry, registrationId);
      if (credential && signs(credential, token)) return { entry, registrationId, credential };
    }
    throw unauthorizedSignature('No enrollment has a key that made the signature.');
  };
}

type KeyCredential = Extract<DeviceCredential, { type: 'symmetricKey' }>;

function credentialOf({ kind, attestation }: Entry, registrationId: string): KeyCredential | undefined {
  if (attestation.type !== 'symmetricKey') return undefined;
  if (kind === 'individual') return attestation;
  return {
    type: 'symmetricKey',
    primaryKey: derivedKey(attestation.primaryKey, registrationId),
    secondaryKey: derivedKey(attestation.secondaryKey, registrationId),
  };
}

function derivedKey(groupKey: string, registrationId: string): string {
  return createHmac('sha256', Buffer.from(groupKey, 'base64')).update(registrationId).digest('base64');
}

function signs({ primaryKey, secondaryKey }: KeyCredential, token: SharedAccessSignature): boolean {
  return isSignedBy(token, [primaryKey, secondaryKey]);
}

function unauthorizedSignature(reason: string) {
  return dpsError(401, `Unauthorized. ${reason}`, 401000);
}
