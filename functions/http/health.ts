import * as z from 'zod';
import { defineOperation } from './operation.ts';

const schema = z
  .object({
    status: z.enum(['ok', 'failing']),
    checks: z.array(
      z
        .object({
          name: z.string(),
          ok: z.boolean(),
          problem: z.string().optional().describe('What is wrong, and what the operator can do.'),
          note: z.string().optional().describe('What an operator should know although nothing is wrong.'),
        })
        .readonly(),
    ),
  })
  .meta({ id: 'Health' });

const health = defineOperation({
  id: 'health',
  method: 'GET',
  path: 'health',
  summary: 'Try every dependency',
  role: 'reader',
  perGroup: false,
  answers: {
    200: { description: 'Every dependency works.', schema },
    503: { description: 'A dependency does not work.', schema },
  },
  async handle({ services }) {
    const checks = await services.checks();
    const ok = checks.every((check) => check.ok);
    return ok ? { status: 200, json: { status: 'ok', checks } } : { status: 503, json: { status: 'failing', checks } };
  },
});

export const healthOperations = [health];
