import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import { deleteGroup } from '../../lib/pipeline/delete-group.ts';
import { defineOperation } from './operation.ts';
import { resourceId } from './parameters.ts';
import { ifVersion, preconditionIn } from './precondition.ts';
import { time } from './schemas.ts';

const entry = z
  .enum(['deleted', 'absent', 'other'])
  .describe('The enrollment group in DPS. `other`: this deployment did not create it, so it was left.');

const deletedGroup = z
  .object({
    id: z.string(),
    dps: entry,
    formerCas: z
      .array(
        z.object({
          generation: z.int().min(1),
          notAfter: time,
          certificatePem: z.string(),
          revokedAt: time,
          registration: z
            .object({ name: z.string(), at: time })
            .readonly()
            .optional()
            .describe('Its certificate in DPS. Remove it: npm run ca -- unregister GROUP.'),
        }),
      )
      .describe('The CAs of the group, which stay on record as revoked. Newest first.'),
  })
  .meta({ id: 'DeletedEnrollmentGroup' });

const removeGroup = defineOperation({
  id: 'delete-enrollment-group',
  method: 'DELETE',
  path: 'enrollment-groups/{id}',
  summary: 'Delete an enrollment group without devices',
  description:
    'Deletes it here and in DPS. This takes some 11 seconds: no worker may use the group any more. Repeat a request that was cut short.',
  role: 'operator',
  perGroup: true,
  pathParameters: z.object({ id: resourceId }),
  headers: z.object({ 'if-match': ifVersion['if-match'] }),
  answers: { 200: { description: 'What was deleted.', schema: deletedGroup } },
  errors: ['not-found', 'method-conflict', 'precondition-failed'],
  async handle({ path: { id }, headers, services, caller, note }) {
    const { dps, formerCas } = await deleteGroup(id, actorName(caller), services, preconditionIn(headers));
    note({ dps, caGenerations: formerCas.map(({ generation }) => generation) });
    const cas = formerCas.map(({ generation, notAfter, certificatePem, revokedAt, registration }) => {
      return { generation, notAfter, certificatePem, revokedAt, registration };
    });
    return { status: 200, json: { id, dps, formerCas: cas } };
  },
});

export const deletions = [removeGroup];
