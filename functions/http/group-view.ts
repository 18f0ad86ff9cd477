import type { FleetError } from '../../lib/errors.ts';
import { enrollmentRevision, type GroupRecord } from '../../lib/groups/group.ts';

/** An enrollment group as GET /api/enrollment-groups shows it: what was declared, its CAs, and whether DPS has it so. */
export function groupView(group: GroupRecord, pending?: FleetError) {
  const { id, ...definition } = group.definition;
  const individual = definition.enrollment === 'individual';
  const current = individual || group.enrolled?.revision === enrollmentRevision(group);
  return {
    id,
    definition,
    enrollment: {
      status: current ? 'enrolled' : 'pending',
      ...(group.enrolled === undefined ? {} : { at: group.enrolled.at }),
      ...(pending === undefined
        ? {}
        : { reason: { code: pending.code, message: pending.message, hint: pending.hint } }),
    },
    issuingCas: group.issuingCas.map(({ certificatePem, chainPem, generation, notAfter, registration }) => {
      return {
        generation,
        notAfter,
        certificatePem,
        chainPem,
        ...(registration === undefined ? {} : { registration }),
      };
    }),
    createdAt: group.createdAt,
    updatedAt: group.updatedAt,
  };
}
