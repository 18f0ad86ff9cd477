import type { CertificateInfo } from '../x509.ts';

/** A stored enrollment: a group or an individual enrollment. */
export interface Entry {
  readonly kind: EntryKind;
  /** In the spelling of its creator. Case does not matter. */
  readonly id: string;
  readonly attestation: Attestation;
  readonly settings: EntrySettings;
  readonly etag: string;
  readonly createdDateTimeUtc: string;
  readonly lastUpdatedDateTimeUtc: string;
}

export type EntryKind = 'group' | 'individual';

/**
 * Members that are returned as the client sent them. DPS has defaults for the status and the two policies if they were not sent. Every
 * other member that was not sent is missing.
 */
export interface EntrySettings {
  readonly deviceId?: string;
  readonly capabilities?: { readonly iotEdge: boolean };
  readonly iotHubHostName?: string;
  readonly initialTwin?: InitialTwin;
  /** `null` is returned as null. Every other member that was sent as null is dropped. */
  readonly provisioningStatus?: 'enabled' | 'disabled' | null;
  readonly reprovisionPolicy?: { readonly updateHubAssignment: boolean; readonly migrateDeviceData: boolean };
  readonly allocationPolicy?: AllocationPolicy;
  readonly iotHubs?: readonly string[];
  readonly customAllocationDefinition?: { readonly webhookUrl: string; readonly apiVersion: string };
  readonly optionalDeviceInformation?: JsonObject;
}

export type AllocationPolicy = 'hashed' | 'geoLatency' | 'static' | 'custom';
export type JsonObject = Readonly<Record<string, unknown>>;

export interface InitialTwin {
  readonly tags?: JsonObject;
  readonly properties?: { readonly desired?: JsonObject };
}

export type Attestation =
  | {
      readonly type: 'x509';
      /** Groups have signing certificates, individual enrollments have client certificates. */
      readonly use: 'clientCertificates' | 'signingCertificates';
      readonly primary: StoredCertificate;
      readonly secondary?: StoredCertificate;
    }
  | { readonly type: 'x509'; readonly use: 'caReferences'; readonly primary: string; readonly secondary?: string }
  | { readonly type: 'symmetricKey'; readonly primaryKey: string; readonly secondaryKey: string }
  | { readonly type: 'tpm'; readonly endorsementKey: string; readonly storageRootKey?: string }
  | { readonly type: 'none' };

export interface StoredCertificate {
  /** Base64 DER. It is never part of an answer. */
  readonly certificate: string;
  readonly info: CertificateInfo;
}

/** Names and error codes of the two kinds of enrollment. */
export const kindNames = {
  group: {
    idMember: 'enrollmentGroupId',
    itemType: 'EnrollmentGroup',
    noun: 'EnrollmentGroup',
    existsCode: 409202,
    missingCode: 404202,
  },
  individual: {
    idMember: 'registrationId',
    itemType: 'Enrollment',
    noun: 'Enrollment',
    existsCode: 409201,
    missingCode: 404201,
  },
} as const;

/** @param withKeys include symmetric keys, as in the answer to a write. Readers have to request the attestation mechanism. */
export function showEntry(entry: Entry, { withKeys = false }: { withKeys?: boolean } = {}): Record<string, unknown> {
  const { deviceId, ...settings } = entry.settings;
  return {
    [kindNames[entry.kind].idMember]: entry.id,
    ...(deviceId === undefined ? {} : { deviceId }),
    attestation: showAttestation(entry.attestation, { withKeys }),
    ...settings,
    etag: entry.etag,
    createdDateTimeUtc: entry.createdDateTimeUtc,
    lastUpdatedDateTimeUtc: entry.lastUpdatedDateTimeUtc,
  };
}

/** The answer has the details of a certificate, never the certificate itself. */
export function showAttestation(attestation: Attestation, { withKeys }: { withKeys: boolean }): JsonObject {
  if (attestation.type === 'none') return { type: 'none' };
  if (attestation.type === 'tpm') {
    const { type, ...tpm } = attestation;
    return { type, tpm };
  }
  if (attestation.type === 'symmetricKey') {
    const { type, ...symmetricKey } = attestation;
    return withKeys ? { type, symmetricKey } : { type };
  }
  if (attestation.use === 'caReferences') {
    const { primary, secondary } = attestation;
    return { type: 'x509', x509: { caReferences: { primary, ...(secondary === undefined ? {} : { secondary }) } } };
  }
  const { use, primary, secondary } = attestation;
  return {
    type: 'x509',
    x509: {
      [use]: { primary: { info: primary.info }, ...(secondary ? { secondary: { info: secondary.info } } : {}) },
    },
  };
}
