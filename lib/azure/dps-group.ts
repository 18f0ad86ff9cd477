import { X509Certificate } from 'node:crypto';
import type { EnrollmentGroup } from 'azure-iot-provisioning-service/dist/interfaces.js';
import { canonicalJson } from '../canonical-json.ts';

/**
 * Whether DPS holds a group as it is wanted. DPS echoes no certificate, only what it read from it, and leaves out what
 * was null; so both sides are brought to the parts that we declare.
 */
export function sameGroup(existing: EnrollmentGroup, wanted: EnrollmentGroup): boolean {
  return canonicalJson(declared(existing)) === canonicalJson(declared(wanted));
}

function declared(group: EnrollmentGroup) {
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
    // A secondary that repeats the primary says no more than none.
    thumbprints: thumbprints[1] === thumbprints[0] ? [thumbprints[0], null] : thumbprints,
    iotEdge: capabilities?.iotEdge ?? false,
    tags: own(initialTwin?.tags),
    desired: own(initialTwin?.properties?.desired),
    provisioningStatus: provisioningStatus ?? 'enabled',
    reprovisionPolicy,
    allocationPolicy,
    iotHubs: [...(iotHubs ?? [])].sort(),
    webhook: [customAllocationDefinition?.webhookUrl ?? null, customAllocationDefinition?.apiVersion ?? null],
  };
}

function thumbprint(
  certificate: { certificate?: string; info?: { sha256Thumbprint: string } } | undefined,
): string | null {
  if (certificate?.info !== undefined) return certificate.info.sha256Thumbprint;
  if (certificate?.certificate === undefined) return null;
  return new X509Certificate(certificate.certificate).fingerprint256.replaceAll(':', '');
}

/** A twin collection without the service's own members. */
function own(collection: unknown): Record<string, unknown> {
  const members = Object.entries((collection ?? {}) as Record<string, unknown>);
  return Object.fromEntries(members.filter(([name]) => !name.startsWith('$')));
}
