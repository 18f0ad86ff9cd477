import * as z from 'zod';
import type { FleetError } from '../../lib/errors.ts';
import { groupDefinitionSchema, shownDefinition } from '../../lib/groups/definition.ts';
import { enrollmentRevision, type GroupRecord, inForce } from '../../lib/groups/group.ts';
import { act, failureReason, time } from './schemas.ts';

export const groupDefinition = groupDefinitionSchema.meta({ id: 'GroupDefinition' });

/** An enrollment group as the API shows it. */
export const groupSchema = z
  .object({
    id: z.string(),
    definition: groupDefinition.describe('As declared last. Queries of URLs are shown in the answer to PUT only.'),
    enrollment: z
      .object({
        status: z.enum(['enrolled', 'pending', 'refused']),
        at: time.optional(),
        reason: failureReason.optional(),
      })
      .describe('Whether DPS has the group as declared.'),
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
    declaredBy: act.readonly().optional(),
    rolledOverBy: act.readonly().optional(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'EnrollmentGroup' });

/**
 * An enrollment group as the API shows it: its definition, its CAs, and whether DPS has it in its current form.
 * @param pending why DPS could not be updated now
 * @param shown the definition to show; the default has no queries of URLs, which often hold a key
 */
export function groupView(
  group: GroupRecord,
  pending?: FleetError,
  shown = shownDefinition(group.definition),
): z.output<typeof groupSchema> {
  const { id, ...declared } = shown;
  const individual = declared.enrollment === 'individual';
  const revision = enrollmentRevision(group);
  const enrolled = individual || group.enrolled?.revision === revision;
  const refused = !enrolled && group.refusal?.revision === revision ? group.refusal.reason : undefined;
  const { id: _id, ...accepted } = shownDefinition(inForce(group).definition);
  return {
    id,
    definition: declared,
    enrollment: {
      status: enrolled ? 'enrolled' : refused === undefined ? 'pending' : 'refused',
      at: group.enrolled?.at,
      reason: pending?.reason ?? refused,
    },
    // By which devices are provisioned until DPS accepts the definition above.
    inForce: group.accepted === undefined || enrolled ? undefined : accepted,
    issuingCas: group.issuingCas.map(({ generation, notAfter, certificatePem, chainPem, registration }) => {
      return { generation, notAfter, certificatePem, chainPem, registration };
    }),
    declaredBy: group.declaredBy,
    rolledOverBy: group.rolledOverBy,
    createdAt: group.createdAt,
    updatedAt: group.updatedAt,
  };
}
