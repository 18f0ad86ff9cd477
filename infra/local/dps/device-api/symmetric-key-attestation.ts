import { createHmac } from 'node:crypto';
import {
  isExpired,
  isSignedBy,
  parseSharedAccessSignature,
  type SharedAccessSignature,
} from '../auth/shared-access-signature.ts';
import type { Entry } from '../entries/entry.ts';
import type { EntryStore } from '../entries/entry-store.ts';
import { dpsError } from '../http/service-error.ts';
import type { DeviceCredential } from '../registrations/registration.ts';
import type { Attested } from './x509-attestation.ts';

export interface SymmetricKeyAttestationParts {
  readonly entries: EntryStore;
  readonly idScope: string;
  readonly now: () => Date;
}

/**
 * Attests by a shared access signature over `{idScope}/registrations/{registrationId}`: with the key of the individual
 * enrollment if there is one, else with the key that a group derives for the registration id
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
