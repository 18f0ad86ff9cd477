import { createHash } from 'node:crypto';
import { canonicalJson } from '../json.ts';
import type { Versioned } from '../storage.ts';
import type { GroupDefinition } from './definition.ts';

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

/** The root of the fleet. One at a time: groups keep the chain of the one that signed them. */
export interface RootCa {
  readonly certificatePem: string;
  /** Name of its key in the key store; absent where the key is kept elsewhere, and issuing CAs are signed there. */
  readonly keyName?: string;
  /** Where DPS knows it as verified; absent until an operator has seen to it (npm run ca -- register). */
  readonly registration?: CaRegistration;
}

/** That DPS holds a CA certificate, verified, under a name. */
export interface CaRegistration {
  readonly name: string;
  readonly at: string;
}

/** Enrollment groups and the root CA. DPS takes 100 X.509 groups, so all of them fit in memory. Adapters: lib/azure/cosmos-groups.ts. */
export interface GroupStore {
  all(): Promise<Versioned<GroupRecord>[]>;
  read(id: string): Promise<Versioned<GroupRecord> | undefined>;
  /** @returns the etag, or undefined when the group exists */
  create(group: GroupRecord): Promise<string | undefined>;
  /** @returns the new etag, or undefined when the record had changed since it was read */
  replace(group: Versioned<GroupRecord>): Promise<string | undefined>;
  /** The root CA, once there is one. */
  readRoot(): Promise<Versioned<RootCa> | undefined>;
  /** Keeps the first root that is offered. @returns the one that is kept */
  keepRoot(root: RootCa): Promise<Versioned<RootCa>>;
  /** @returns the new etag, or undefined when the root had changed since it was read */
  replaceRoot(root: Versioned<RootCa>): Promise<string | undefined>;
}
