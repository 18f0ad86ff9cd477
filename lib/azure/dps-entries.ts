import { X509Certificate } from 'node:crypto';
import type {
  IndividualEnrollment as DpsEnrollment,
  EnrollmentGroup,
} from 'azure-iot-provisioning-service/dist/interfaces.js';
import { mergeTwins } from '../devices/twin.ts';
import type { ClosedCa, FoundEntry, GroupEnrollment, IndividualEnrollment } from '../enrollment/enrollments.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { canonicalJson } from '../json.ts';

/* Enrollment groups and individual enrollments as DPS has them (service API 2021-10-01), from and to our own. */

/** The part that groups and individual enrollments have in common. DPS leaves out members that are null. */
function common({
  target,
  provisioningStatus,
  reprovisionPolicy,
  allocationPolicy,
  iotHubs,
  customAllocation,
}: GroupDefinition) {
  return {
    capabilities: { iotEdge: target !== 'dps-device' },
    provisioningStatus,
    reprovisionPolicy: { ...reprovisionPolicy },
    allocationPolicy,
    ...(iotHubs.length === 0 ? {} : { iotHubs: [...iotHubs] }),
    ...(customAllocation === undefined ? {} : { customAllocationDefinition: { ...customAllocation } }),
  };
}

export function toEnrollmentGroup({
  definition,
  primaryCertificatePem,
  secondaryCertificatePem,
  caReferences,
}: GroupEnrollment): EnrollmentGroup {
  const { tags, desired } = mergeTwins(definition.initialTwin, { tags: {}, desired: {} });
  const signingCertificates = {
    primary: { certificate: primaryCertificatePem },
    ...(secondaryCertificatePem === undefined ? {} : { secondary: { certificate: secondaryCertificatePem } }),
  };
  const x509 = caReferences === undefined ? { signingCertificates } : { caReferences: { ...caReferences } };
  // The SDK's types require members that only the service sets.
  return {
    enrollmentGroupId: definition.id,
    attestation: { type: 'x509', x509 },
    initialTwin: { tags, properties: { desired } },
    ...common(definition),
  } as unknown as EnrollmentGroup;
}

/** Settings are those that DPS has by default: no device gets as far as to need them. */
export function closingGroup({ id, certificatePem }: ClosedCa): EnrollmentGroup {
  return {
    enrollmentGroupId: id,
    attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: certificatePem } } } },
    provisioningStatus: 'disabled',
  } as unknown as EnrollmentGroup;
}

export function toDpsEnrollment({ deviceId, certificatePem, definition, twin }: IndividualEnrollment): DpsEnrollment {
  return {
    registrationId: deviceId,
    deviceId,
    attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: certificatePem } } } },
    initialTwin: { tags: twin.tags, properties: { desired: twin.desired } },
    ...common(definition),
  } as unknown as DpsEnrollment;
}

/** The tag of a blocking enrollment that has its mark. */
const markTag = 'blockedBy';

export function blockingEnrollment(deviceId: string, mark: string): DpsEnrollment {
  return {
    registrationId: deviceId,
    attestation: { type: 'symmetricKey' },
    provisioningStatus: 'disabled',
    initialTwin: { tags: { [markTag]: mark }, properties: { desired: {} } },
  } as unknown as DpsEnrollment;
}

/** The part of an entry that is read here. The SDK's types require members that the service leaves out. */
export interface DpsEntry {
  readonly etag?: string;
  readonly createdDateTimeUtc?: string | Date;
  readonly deviceId?: string;
  readonly attestation: { readonly type: string; readonly x509?: unknown };
  readonly initialTwin?: unknown;
  /** `enabled` where it is left out. */
  readonly provisioningStatus?: string | null;
}

export function foundEntry(entry: DpsEntry): FoundEntry {
  const { etag, createdDateTimeUtc, deviceId, attestation, initialTwin, provisioningStatus } = entry;
  const { signingCertificates, clientCertificates, caReferences } = (attestation.x509 ?? {}) as DpsX509;
  const { primary, secondary } = signingCertificates ?? clientCertificates ?? {};
  const mark = (initialTwin as { readonly tags?: Record<string, unknown> } | undefined)?.tags?.[markTag];
  return {
    etag: etag ?? '',
    createdAt: String(createdDateTimeUtc ?? ''),
    attestation: attestation.type,
    ...(provisioningStatus?.toLowerCase() === 'disabled' && { disabled: true }),
    thumbprints: [thumbprint(primary), thumbprint(secondary)].filter((each) => each !== null),
    caReferences: [caReferences?.primary, caReferences?.secondary].filter((each) => typeof each === 'string'),
    ...(typeof deviceId === 'string' && { deviceId }),
    ...(typeof mark === 'string' && attestation.type === 'symmetricKey' && { mark }),
  };
}

interface DpsX509 {
  readonly signingCertificates?: DpsCertificates;
  readonly clientCertificates?: DpsCertificates;
  readonly caReferences?: { readonly primary?: string; readonly secondary?: string };
}

type DpsCertificate = { certificate?: string; info?: { sha256Thumbprint: string } };

interface DpsCertificates {
  readonly primary?: DpsCertificate;
  readonly secondary?: DpsCertificate;
}

/**
 * Whether DPS has the group as declared. DPS does not return certificates, only facts read from them, and leaves out null
 * members. Therefore both sides are reduced to the parts that are declared.
 */
export function isSameGroup(existing: EnrollmentGroup, declared: EnrollmentGroup): boolean {
  return canonicalJson(comparablePart(existing)) === canonicalJson(comparablePart(declared));
}

function comparablePart(group: EnrollmentGroup) {
  const { attestation, capabilities, initialTwin, provisioningStatus, reprovisionPolicy, allocationPolicy, iotHubs } =
    group;
  const { primary, secondary } = attestation.x509?.signingCertificates ?? {};
  const { caReferences } = attestation.x509 ?? {};
  const thumbprints = [thumbprint(primary), thumbprint(secondary)];
  const { customAllocationDefinition } = group as {
    customAllocationDefinition?: { webhookUrl?: string; apiVersion?: string };
  };
  return {
    caReferences: [caReferences?.primary ?? null, caReferences?.secondary ?? null],
    // A secondary that repeats the primary is the same as none.
    thumbprints: thumbprints[1] === thumbprints[0] ? [thumbprints[0], null] : thumbprints,
    iotEdge: capabilities?.iotEdge ?? false,
    tags: withoutSystemMembers(initialTwin?.tags),
    desired: withoutSystemMembers(initialTwin?.properties?.desired),
    provisioningStatus: provisioningStatus ?? 'enabled',
    reprovisionPolicy,
    allocationPolicy,
    iotHubs: [...(iotHubs ?? [])].sort(),
    webhook: [customAllocationDefinition?.webhookUrl ?? null, customAllocationDefinition?.apiVersion ?? null],
  };
}

/** @returns SHA-256, upper-case hex; null without a certificate */
function thumbprint(certificate: DpsCertificate | undefined): string | null {
  if (certificate?.info !== undefined) return certificate.info.sha256Thumbprint;
  if (certificate?.certificate === undefined) return null;
  return sha256Of(certificate.certificate);
}

/** @returns upper-case hex */
export function sha256Of(pem: string): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '');
}

/** A twin collection without the members that DPS adds (`$version`, `$metadata`). */
function withoutSystemMembers(collection: unknown): Record<string, unknown> {
  const members = Object.entries((collection ?? {}) as Record<string, unknown>);
  return Object.fromEntries(members.filter(([name]) => !name.startsWith('$')));
}
