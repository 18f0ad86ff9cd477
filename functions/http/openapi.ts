import * as z from 'zod';
import { defineOperation } from './operation.ts';

const describe = defineOperation({
  id: 'get-openapi',
  method: 'GET',
  path: 'openapi.json',
  summary: 'This description',
  description: 'OpenAPI 3.1, as docs/openapi.json in the repository.',
  // It holds no secret. One rule for all operations is simpler to check than a door without a lock.
  role: 'reader',
  perGroup: true,
  answers: {
    200: {
      description: 'OpenAPI 3.1.',
      schema: z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }),
    },
  },
  async handle() {
    // Loaded when it is asked for: a cold start does not wait for it.
    const { default: json } = await import('../../docs/openapi.json', { with: { type: 'json' } });
    return { status: 200, json };
  },
});

export const descriptionOperations = [describe];
