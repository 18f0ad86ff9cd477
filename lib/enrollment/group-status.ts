import { type DpsCaLists, groupTrust } from '../authorities/dps-cas.ts';
import { type FailureReason, FleetError } from '../errors.ts';
import { enrollmentRevision, type GroupRecord, type RootCa } from '../groups/group.ts';

/**
 * Whether devices of a group can register.
 *
 * `enrolled`: DPS has the group as declared, and trusts its issuing CA as far as it is known.
 * `pending`: DPS does not have it yet, or would refuse its devices until an operator registers a CA.
 * `refused`: DPS does not take it as declared.
 * `deleting`: an operator deletes it; repeat the DELETE request if this lasts.
 */
export type EnrollmentStatus = (typeof enrollmentStatuses)[number];
export const enrollmentStatuses = ['enrolled', 'pending', 'refused', 'deleting'] as const;

/** The state of a group in DPS, and why it is not `enrolled`. */
export interface GroupStatus {
  readonly status: EnrollmentStatus;
  readonly reason?: FailureReason | undefined;
}

/** The CAs that DPS has verified, as far as this deployment knows. */
export interface KnownCas {
  /** The root of the fleet. Absent while there is none. */
  readonly root?: RootCa | undefined;
  /** The CA certificates of each DPS instance, as an operator's command saw them last. */
  readonly lists?: DpsCaLists | undefined;
}

/**
 * The state of a group in DPS.
 * @param known absent: whether DPS trusts the CA is not checked
 * @param pending why DPS could not be updated just now
 */
export function groupStatus(group: GroupRecord, known?: KnownCas, pending?: FleetError): GroupStatus {
  if (group.deleting !== undefined) return { status: 'deleting' };
  const revision = enrollmentRevision(group);
  const isInDps = group.definition.enrollment === 'individual' || group.enrolled?.revision === revision;
  if (!isInDps) {
    const refusal = group.refusal?.revision === revision ? group.refusal.reason : undefined;
    return { status: refusal === undefined ? 'pending' : 'refused', reason: pending?.reason ?? refusal };
  }
  const untrusted = known && untrustedCa(group, known);
  if (untrusted !== undefined) return { status: 'pending', reason: untrusted.reason };
  return { status: 'enrolled', reason: pending?.reason };
}

/**
 * Why DPS would refuse the devices of a group: none of its issuing CA and the CAs above is known to be verified in DPS
 * (https://learn.microsoft.com/azure/iot-dps/concepts-x509-attestation).
 */
function untrustedCa(group: GroupRecord, { root, lists = new Map() }: KnownCas): FleetError | undefined {
  const [current] = groupTrust(group, root, lists);
  if (current === undefined || current.trusted) return undefined;
  const next = 'Register the CA with DPS, or run fleet ca check if it is registered already.';
  return new FleetError(
    'ca-unregistered',
    `DPS refuses devices of group "${group.id}" until it trusts their CA. ${current.text} ${next}`,
  );
}
