import * as z from 'zod';
import { enrollmentStatuses, groupStatus, type KnownCas } from '../../lib/enrollment/group-status.ts';
import type { FleetError } from '../../lib/errors.ts';
import {
  fleetEst,
  fleetEstSettings,
  type GroupDefinition,
  groupDefinitionSchema,
  shownDefinition,
} from '../../lib/groups/definition.ts';
import { type GroupRecord, inForce } from '../../lib/groups/group.ts';
import { issuanceOf } from '../../lib/groups/issuance.ts';
import type { Deployment } from '../../lib/jobs/estimate.ts';
import { act, failureReason, time } from './schemas.ts';

export const groupDefinition = groupDefinitionSchema.meta({
  id: 'GroupDefinition',
  // A member that is read before its schema is (z.preprocess) is described by that schema alone.
  override: ({ jsonSchema, io }: { jsonSchema: { properties?: Record<string, object> }; io: 'input' | 'output' }) => {
    const { est } = jsonSchema.properties ?? {};
    if (io !== 'input' || est === undefined || jsonSchema.properties === undefined) return;
    const { description, ...settings } = est as { readonly description?: string };
    const short = { type: 'string', const: fleetEst, 'x-stands-for': fleetEstSettings };
    jsonSchema.properties['est'] = { description, anyOf: [short, settings] };
  },
});

/** An enrollment group as the API shows it. */
export const groupSchema = z
  .object({
    id: z.string(),
    definition: groupDefinition.describe('As declared last. Queries of URLs are shown in the answer to PUT only.'),
    enrollment: z
      .object({
        status: z.enum(enrollmentStatuses),
        at: time.optional(),
        reason: failureReason.optional(),
      })
      .describe('Whether DPS has the group as declared, and devices of it can register.'),
    inForce: groupDefinition
      .optional()
      .describe('By which devices are provisioned until DPS accepts the definition. Absent when that is in force.'),
    issuingCas: z
      .array(
        z.object({
          generation: z.int().min(1),
          notAfter: time,
          certificatePem: z.string(),
          chainPem: z.array(z.string()).readonly().describe('Its issuers, nearest first, with the root.'),
          registration: z.object({ name: z.string(), at: time }).readonly().optional().describe('In DPS.'),
        }),
      )
      .describe('The current one, then at most one older one that DPS still accepts.'),
    issuance: z
      .object({
        by: z.enum(['delegated', 'direct']),
        reason: z
          .string()
          .optional()
          .describe('Why it is `direct` although the group is for `delegated`, and what to do.'),
      })
      .readonly()
      .describe(
        'Who signs identities now: a CA that a worker made for itself below the issuing CA, or the issuing CA.',
      ),
    retiredCas: z
      .array(z.object({ generation: z.int().min(1), notAfter: time, certificatePem: z.string(), retiredAt: time }))
      .optional()
      .describe('CAs that DPS has no more, newest first. The EST server trusts their certificates until they end.'),
    formerCas: z
      .array(z.object({ generation: z.int().min(1), notAfter: time, certificatePem: z.string(), revokedAt: time }))
      .optional()
      .describe('CAs of groups of this id that were deleted, newest first.'),
    allocation: z
      .object({
        note: z.string().describe('What this setting costs.'),
        keyGeneration: z.int().min(1).describe('Number of the key by which DPS calls this app. A rotation adds 1.'),
        keyCreatedAt: time,
        keyWrittenAt: time.optional().describe('When DPS had accepted this key. Until then it uses the key before.'),
      })
      .optional()
      .describe('With `allocation` "orchestrator" (docs/allocation.md). The key itself is never shown.'),
    suspension: act
      .extend({ reason: z.string(), fleetAct: z.string().describe('The act that suspends its devices.') })
      .readonly()
      .optional(),
    declaredBy: act.readonly().optional(),
    deletedBy: act.readonly().optional().describe('Who deletes it, while the status is `deleting`.'),
    adoptedBy: act.readonly().optional().describe('Who took over a group in DPS that this deployment did not create.'),
    rolledOverBy: act.readonly().optional(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'EnrollmentGroup' });

export interface GroupViewOptions {
  /** Decides about the default of `issuance`. */
  readonly deployment: Pick<Deployment, 'usesKeyVault'>;
  /** The CAs that DPS trusts, as far as this deployment knows. */
  readonly known?: KnownCas | undefined;
  /** Why DPS could not be updated now. */
  readonly pending?: FleetError | undefined;
  /** The definition to show. The default has no queries of URLs, which often hold a key. */
  readonly shown?: GroupDefinition;
}

const allocationNote =
  'This app is in the path of every registration of the group: while it does not answer, no device of the group registers. Devices that are connected are not affected (docs/allocation.md).';

function allocationView({ allocationHook }: GroupRecord): z.output<typeof groupSchema>['allocation'] {
  if (allocationHook === undefined) return undefined;
  const [{ generation, createdAt, writtenAt }] = allocationHook.keys;
  return {
    note: allocationNote,
    keyGeneration: generation,
    keyCreatedAt: createdAt,
    ...(writtenAt !== undefined && { keyWrittenAt: writtenAt }),
  };
}

/**
 * An enrollment group as the API shows it: its definition, its CAs, and whether DPS has it in its current form.
 */
export function groupView(
  group: GroupRecord,
  { deployment, known, pending, shown = shownDefinition(group.definition) }: GroupViewOptions,
): z.output<typeof groupSchema> {
  const { id, ...declared } = shown;
  const status = groupStatus(group, known, pending);
  const current = inForce(group);
  const { id: _id, ...accepted } = shownDefinition(current.definition);
  return {
    id,
    definition: declared,
    enrollment: { ...status, at: group.enrolled?.at },
    // By which devices are provisioned until DPS accepts the definition above.
    inForce: group.accepted === undefined || status.status === 'enrolled' ? undefined : accepted,
    issuingCas: group.issuingCas.map(({ generation, notAfter, certificatePem, chainPem, registration }) => {
      return { generation, notAfter, certificatePem, chainPem, registration };
    }),
    issuance: issuanceOf(current.definition, { ...deployment, issuingCa: current.issuingCas[0] }),
    retiredCas: group.retiredCas?.map(({ generation, notAfter, certificatePem, retiredAt }) => {
      return { generation, notAfter, certificatePem, retiredAt };
    }),
    formerCas: group.formerCas?.map(({ generation, notAfter, certificatePem, revokedAt }) => {
      return { generation, notAfter, certificatePem, revokedAt };
    }),
    allocation: allocationView(group),
    suspension: group.suspension,
    declaredBy: group.declaredBy,
    deletedBy: group.deleting,
    adoptedBy: group.adoptedBy,
    rolledOverBy: group.rolledOverBy,
    createdAt: group.createdAt,
    updatedAt: group.updatedAt,
  };
}
