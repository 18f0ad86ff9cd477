import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';
import type { GroupDefinition } from './group-definition.ts';
import type { CaRegistration } from './root-ca.ts';

/** An enrollment group: what was declared, the CAs that issue for it, and what DPS was last told. */
export interface GroupRecord {
  readonly id: string;
  readonly definition: GroupDefinition;
  /** The current issuing CA first, then at most one older one that DPS still accepts. Empty until the first use. */
  readonly issuingCas: readonly IssuingCa[];
  /** What DPS holds; absent until it was told. */
  readonly enrolled?: { readonly revision: string; readonly at: string };
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** The intermediate CA of one group. DPS tells a device's group by it, so no two groups share one. */
export interface IssuingCa {
  readonly certificatePem: string;
  /** Issuers above it, nearest first, up to and including the root. */
  readonly chainPem: readonly string[];
  /** 1 for the first of its group; one more at each rollover. */
  readonly generation: number;
  /** Name of its key in the key store. */
  readonly keyName: string;
  readonly notAfter: string;
  /** Where DPS knows it by name, verified; needed where the group is attested so (`attestation` "caReference"). */
  readonly registration?: CaRegistration;
}

/** Changes whenever DPS has to be told something new of the group. */
export function enrollmentRevision(group: Pick<GroupRecord, 'definition' | 'issuingCas'>): string {
  const {
    enrollment,
    initialTwin,
    provisioningStatus,
    allocationPolicy,
    iotHubs,
    customAllocation,
    reprovisionPolicy,
    target,
  } = group.definition;
  const told = {
    ...{ enrollment, initialTwin, provisioningStatus, allocationPolicy, iotHubs, reprovisionPolicy, target },
    customAllocation: customAllocation ?? null,
    certificates: group.issuingCas.map((ca) => ca.certificatePem),
    // Only where it differs from what every group had before there was a choice: the others need not be told again.
    ...(group.definition.attestation === 'caReference'
      ? { caReferences: group.issuingCas.map((ca) => ca.registration?.name ?? null) }
      : {}),
  };
  return createHash('sha256').update(canonicalJson(told)).digest('hex').slice(0, 32);
}
