import { createHash } from 'node:crypto';
import type { Act } from '../access/act.ts';
import type { FailureReason } from '../errors.ts';
import { canonicalJson } from '../json.ts';
import type { Versioned } from '../storage.ts';
import type { AllocationHook } from './allocation-hook.ts';
import type { GroupDefinition } from './definition.ts';

/**
 * An enrollment group: its definition, the CAs that issue for it, and what DPS has of it. Definition and CAs are as declared
 * last. Devices are provisioned by what is in force (`inForce`), which is another one until DPS accepts a change.
 */
export interface GroupRecord {
  readonly id: string;
  readonly definition: GroupDefinition;
  /** The current issuing CA, then at most one older one that DPS still accepts. Empty until the first use. */
  readonly issuingCas: readonly IssuingCa[];
  /** When the current issuing CA became so: ISO 8601, UTC. Absent where an earlier version made it so. */
  readonly issuesSince?: string;
  /** The revision (`enrollmentRevision`) that DPS has, and since when. Absent until the group is in DPS. */
  readonly enrolled?: { readonly revision: string; readonly at: string };
  /** The enrollment group in DPS that this deployment wrote. Absent while there is none, and on records of earlier versions. */
  readonly inDps?: OwnGroup;
  /**
   * The status that all individual enrollments of the group have. `some`: it was changed, and each may have either. Absent:
   * `enabled`.
   */
  readonly reached?: GroupDefinition['provisioningStatus'] | 'some';
  /**
   * Devices of the group as the sweep counted them last, as a power of two (`sizeClassOf`). Absent: fewer than
   * `smallestNotedSize`, or not counted yet.
   */
  readonly deviceScale?: number;
  /** Who allowed the latest declaration to take over an enrollment group that this deployment did not write. */
  readonly adopt?: Act;
  /** Who took over an enrollment group that this deployment did not write. */
  readonly adoptedBy?: Act;
  /** Who deletes it, from the first step of the deletion on: no row is provisioned in it. */
  readonly deleting?: Act;
  /** Who deleted it. The record stays for its former CAs, and the id is free. */
  readonly deletedBy?: Act;
  /** The webhook by which DPS asks this app about each registration. Only with `allocation` "orchestrator", and until DPS knows that it ended. */
  readonly allocationHook?: AllocationHook;
  /** CAs of the group that DPS has no more, newest first. The EST server trusts their certificates until they end. */
  readonly retiredCas?: readonly RetiredCa[];
  /**
   * The older CA that is about to leave DPS, from before the devices are counted that need it: no certificate of it is handed
   * out any more (lib/pipeline/complete-rollover.ts).
   */
  readonly removingCa?: Act & Pick<IssuingCa, 'generation'>;
  /** The CA of the certificates with which gateways sign in to the EST server (`est.idCa` "separate"). DPS does not know it. */
  readonly estCa?: IssuingCa;
  /**
   * DPS instances of groups of this id that were deleted: a device of one of them can have a registration there. Absent: none.
   */
  readonly formerDps?: readonly string[];
  /** CAs of groups of this id that were deleted, newest first. */
  readonly formerCas?: readonly FormerCa[];
  /** What was in force before the latest change. Absent when DPS has the group as declared, or never had it. */
  readonly accepted?: Pick<GroupRecord, 'definition' | 'issuingCas'>;
  /** Why DPS refused the group as declared. Absent when it was not asked yet, or accepted it. */
  readonly refusal?: { readonly revision: string; readonly reason: FailureReason; readonly at: string };
  /** While no device of the group has access: DPS has the group disabled, whatever is declared. */
  readonly suspension?: GroupSuspension;
  /** Who declared it last. */
  readonly declaredBy?: Act;
  /** Who made its current issuing CA current; absent for the first one. */
  readonly rolledOverBy?: Act;
  /** This and the other times: ISO 8601, UTC. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Who suspended a group, and why. */
export interface GroupSuspension extends Act {
  readonly reason: string;
  /** The id of the act that suspends its devices. */
  readonly fleetAct: string;
}

/** Notes about the enrollment group that this deployment wrote to DPS. */
export interface OwnGroup {
  /** When DPS created it, ISO 8601, UTC. DPS never changes it, and a group that is deleted and made again has another one. */
  readonly createdAt?: string;
  /** Its primary CA, from before the group is created until `createdAt` is noted (lib/enrollment/group-ownership.ts). */
  readonly intent?: string;
}

/** An issuing CA of a group that was deleted. Nothing is signed with it any more. */
export interface FormerCa extends IssuingCa {
  readonly revokedAt: string;
}

/** An earlier CA of a group, which DPS has no more. Nothing is signed with it any more. */
export interface RetiredCa extends IssuingCa {
  /** ISO 8601, UTC. */
  readonly retiredAt: string;
}

/** The intermediate CA of one group. DPS finds the group of a device by it, so no two groups share one. */
export interface IssuingCa {
  readonly certificatePem: string;
  /** Its issuers, PEM, nearest first, up to and including the root. */
  readonly chainPem: readonly string[];
  /** 1 for the first of its group. Each rollover adds 1. */
  readonly generation: number;
  /** Name of its key in the key store. */
  readonly keyName: string;
  /** End of its validity, ISO 8601, UTC. */
  readonly notAfter: string;
  /** The verified certificate in DPS; needed with `attestation` "caReference". */
  readonly registration?: CaRegistration;
}

/** The definition by which DPS has the group: a suspended one is disabled. */
export function definitionInDps({ definition, suspension }: Pick<GroupRecord, 'definition' | 'suspension'>) {
  return suspension === undefined ? definition : ({ ...definition, provisioningStatus: 'disabled' } as const);
}

/** A digest of everything that DPS has of a group, hex. When it changes, the group has to be written to DPS again. */
export function enrollmentRevision(
  group: Pick<GroupRecord, 'definition' | 'issuingCas' | 'suspension' | 'allocationHook'>,
): string {
  const {
    enrollment,
    initialTwin,
    provisioningStatus,
    allocationPolicy,
    iotHubs,
    customAllocation,
    reprovisionPolicy,
    target,
  } = definitionInDps(group);
  const inDps = {
    enrollment,
    initialTwin,
    provisioningStatus,
    allocationPolicy,
    iotHubs,
    reprovisionPolicy,
    target,
    customAllocation: customAllocation ?? null,
    certificates: group.issuingCas.map((ca) => ca.certificatePem),
    // Only with this attestation: groups from before there was a choice keep their revision.
    ...(group.definition.attestation === 'caReference'
      ? { caReferences: group.issuingCas.map((ca) => ca.registration?.name ?? null) }
      : {}),
    // The number of the key, and never the key. Other groups keep their revision.
    ...(group.definition.allocation === 'orchestrator' && {
      allocation: [group.allocationHook?.url ?? null, group.allocationHook?.keys[0].generation ?? null],
    }),
  };
  return createHash('sha256').update(canonicalJson(inDps)).digest('hex').slice(0, 32);
}

/** Whether DPS has the group as declared. A group with individual enrollments is not in DPS, so nothing is left to do. */
function isSettled(group: GroupRecord): boolean {
  if (group.issuingCas.length === 0) return false;
  return group.definition.enrollment === 'individual' || group.enrolled?.revision === enrollmentRevision(group);
}

/** The group by which devices are provisioned: as DPS accepted it last, or as declared if DPS never had it. */
export function inForce(group: GroupRecord): GroupRecord {
  const held = group.accepted === undefined || isSettled(group) ? group : { ...group, ...group.accepted };
  return { ...held, definition: definitionInDps(held) };
}

/**
 * Whether certificates of a CA may be handed out in the group: the group issues by that CA, or DPS keeps it and no removal of
 * it has begun.
 */
export function isInUse(group: GroupRecord, generation: number): boolean {
  if (group.removingCa?.generation === generation) return false;
  const [current] = inForce(group).issuingCas;
  return [current, ...group.issuingCas].some((ca) => ca?.generation === generation);
}

/** A changed group that knows when its individual enrollments do not all have one status any more. */
export function withReached(before: GroupRecord, changed: GroupRecord): GroupRecord {
  const status = (group: GroupRecord) => definitionInDps(group).provisioningStatus;
  return status(before) === status(changed) ? changed : { ...changed, reached: 'some' };
}

/**
 * A changed group that keeps what is in force. A change that DPS has, or needs not have, is in force at once.
 * @param before the group as it was stored
 */
export function keepAccepted(before: GroupRecord, changed: GroupRecord): GroupRecord {
  const { accepted: _accepted, refusal, ...rest } = changed;
  if (isSettled(changed)) return rest;
  const accepted = isSettled(before)
    ? { definition: before.definition, issuingCas: before.issuingCas }
    : before.accepted;
  return {
    ...rest,
    ...(accepted === undefined ? {} : { accepted }),
    ...(refusal?.revision === enrollmentRevision(changed) ? { refusal } : {}),
  };
}

/** The root of the fleet. There is one at a time; each group keeps the chain of the root that signed its CA. */
export interface RootCa {
  readonly certificatePem: string;
  /** Name of its key in the key store. Absent when the key is kept elsewhere and issuing CAs are signed there. */
  readonly keyName?: string;
  /** The verified certificate in the DPS instance `default`. Absent until an operator registers it (fleet ca register). */
  readonly registration?: CaRegistration;
  /** Those in other DPS instances, by their names. */
  readonly registrations?: Readonly<Record<string, CaRegistration>>;
}

/** A CA certificate that DPS has and has verified. */
export interface CaRegistration {
  /** Its name in DPS. */
  readonly name: string;
  /** When it was verified, ISO 8601, UTC. */
  readonly at: string;
}

/**
 * Enrollment groups and the root CA. Adapter: lib/azure/cosmos-groups.ts.
 * Every method throws FleetError `throttled` or `unavailable`; a write may have taken effect then.
 */
export interface GroupStore {
  /** All groups, in no order. DPS takes 100 X.509 groups, so they fit in memory. */
  all(): Promise<Versioned<GroupRecord>[]>;
  /** @returns undefined when there is no such group */
  read(id: string): Promise<Versioned<GroupRecord> | undefined>;
  /** Creates a group. @returns its etag, or undefined when the group exists */
  create(group: GroupRecord): Promise<string | undefined>;
  /** Replaces a group that still has its etag. @returns the new etag, or undefined when the group had changed */
  replace(group: Versioned<GroupRecord>): Promise<string | undefined>;
  /** @returns undefined while there is no root CA */
  readRoot(): Promise<Versioned<RootCa> | undefined>;
  /** Stores the root CA unless there is one. @returns the root CA that is stored */
  keepRoot(root: RootCa): Promise<Versioned<RootCa>>;
  /** Replaces the root CA if it still has its etag. @returns the new etag, or undefined when the root had changed */
  replaceRoot(root: Versioned<RootCa>): Promise<string | undefined>;
}
