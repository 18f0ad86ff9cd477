import { caReferences } from '../authorities/issuing-cas.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { definitionInDps, enrollmentRevision, type GroupRecord, type IssuingCa } from '../groups/group.ts';
import { keyGone } from './allocation-keys.ts';
import type { GroupEnrollment } from './enrollments.ts';

/*
 * What DPS should have of a group, and the notes on its record about what DPS has. All functions are pure.
 */

/** Version of the request of a custom allocation webhook that this app reads. */
const allocationApiVersion = '2021-10-01';

/**
 * The definition in the terms of DPS: a suspended group is disabled, and with `allocation` "orchestrator" DPS asks this app. The
 * URL of the webhook is without its key.
 * @throws FleetError `group-refused` when the group has no webhook
 */
export function definitionForDps(group: GroupRecord): GroupDefinition {
  const definition = definitionInDps(group);
  if (definition.allocation !== 'orchestrator') return definition;
  if (group.allocationHook === undefined) throw keyGone(group.id);
  const customAllocation = { webhookUrl: group.allocationHook.url, apiVersion: allocationApiVersion };
  return { ...definition, allocationPolicy: 'custom', customAllocation };
}

/**
 * The group as DPS should have it.
 * @param ask also when DPS had it so: someone may have deleted or changed it there
 * @returns undefined when DPS has it so, or has nothing of it
 * @throws FleetError `ca-unregistered`, `group-refused`
 */
export function wantedInDps(group: GroupRecord, ask = false): GroupEnrollment | undefined {
  const { definition, issuingCas, enrolled } = group;
  const [primary, secondary] = issuingCas;
  const isCurrent = enrolled?.revision === enrollmentRevision(group);
  if (definition.enrollment === 'individual' || primary === undefined || (isCurrent && !ask)) return undefined;
  return {
    definition: definitionForDps(group),
    primaryCertificatePem: primary.certificatePem,
    secondaryCertificatePem: secondary?.certificatePem,
    caReferences: definition.attestation === 'caReference' ? caReferences(group) : undefined,
  };
}

type Enrolled = NonNullable<GroupRecord['enrolled']>;

/**
 * The group with the note of what DPS holds.
 * @param notes.before the note before DPS was called
 * @param notes.sent what DPS accepted
 */
export function withEnrolled(
  group: GroupRecord,
  { before, sent }: { before: Enrolled | undefined; sent: Enrolled },
): GroupRecord {
  const { enrolled: noted, ...rest } = group;
  const isUntouched = noted?.at === before?.at && noted?.revision === before?.revision;
  if (isUntouched || noted?.revision === sent.revision) return { ...rest, enrolled: sent };
  // Another worker sent another revision at the same time, and it is not known which came last. It is sent again.
  return rest;
}

/** The group with the name of one of its CAs in DPS. The same group when it has no such CA, or knows the name. */
export function withRegistration(
  group: GroupRecord,
  certificatePem: string,
  registration: NonNullable<IssuingCa['registration']>,
): GroupRecord {
  const ca = group.issuingCas.find((held) => held.certificatePem === certificatePem);
  if (ca === undefined || ca.registration?.name === registration.name) return group;
  return { ...group, issuingCas: group.issuingCas.map((held) => (held === ca ? { ...ca, registration } : held)) };
}
