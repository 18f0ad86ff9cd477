import { X509Certificate } from 'node:crypto';
import type { Act } from '../access/act.ts';
import { FleetError } from '../errors.ts';
import type { GroupRecord } from '../groups/group.ts';
import { describeEntry, type FoundEntry, type GroupEnrollment } from './enrollments.ts';

/*
 * Which enrollment groups in DPS this deployment wrote. DPS has no labels on groups, and a name says nothing: someone may have
 * made a group of that name by hand. So the record of the group decides.
 */

/** The mark of a create whose result is not noted yet: SHA-256 of the primary CA certificate, or the CA's name in DPS. */
export function intentOf({ primaryCertificatePem, caReferences }: GroupEnrollment): string {
  return caReferences?.primary ?? sha256Of(primaryCertificatePem);
}

/**
 * Whether the group that DPS has is the one that this deployment wrote. Its time of creation is noted after it was created. A
 * crash in between leaves the intent, which was stored while DPS had no such group.
 */
export function isOwnGroup(
  { inDps, enrolled, accepted, definition, issuingCas }: GroupRecord,
  found: FoundEntry,
): boolean {
  const [certificate] = found.thumbprints;
  if (inDps !== undefined) {
    const isNoted = inDps.createdAt !== undefined && Date.parse(inDps.createdAt) === Date.parse(found.createdAt);
    return isNoted || (inDps.intent !== undefined && inDps.intent === (certificate ?? found.caReferences[0]));
  }
  // An earlier version wrote neither, and noted what DPS accepted. A CA that was made here for the group is in no other.
  const isWritten = enrolled !== undefined || accepted?.definition.enrollment === 'group';
  const hasOurCa = issuingCas.some(({ certificatePem }) => sha256Of(certificatePem) === certificate);
  return isWritten || (definition.issuingCa.origin === 'fleet' && hasOurCa);
}

/** The group with the intent to create it in DPS. It is stored before DPS is asked, so a crash leaves no group without it. */
export function withIntent(group: GroupRecord, intent: string): GroupRecord {
  return group.inDps?.intent === intent ? group : { ...group, inDps: { ...group.inDps, intent } };
}

/** The group with the note of which group in DPS is its own. */
export function withOwnGroup(group: GroupRecord, { createdAt }: FoundEntry, adoptedBy: Act | undefined): GroupRecord {
  const { adopt: _adopt, ...rest } = group;
  return { ...rest, inDps: { createdAt }, ...(adoptedBy === undefined ? {} : { adoptedBy }) };
}

/** The error of a group that is in DPS and was not written by this deployment. */
export function groupExists(id: string, found: FoundEntry): FleetError {
  const message = `DPS has an enrollment group "${id}" that this deployment did not create, so it is not overwritten. ${describeEntry(found)}`;
  return new FleetError('group-exists', message, { column: 'enrollmentGroup', value: id });
}

/** @returns upper-case hex */
function sha256Of(pem: string): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '');
}
