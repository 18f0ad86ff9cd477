import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '@azure/functions';

app.http('echo', {
  route: 'things/{id}',
  methods: ['GET', 'PUT'],
  authLevel: 'function',
  handler: async (request) => ({
    headers: { 'x-answered-by': 'echo' },
    jsonBody: {
      id: request.params.id,
      query: Object.fromEntries(request.query),
      body: await request.text(),
      principal: request.headers.get('x-ms-client-principal'),
      mark: request.headers.get('x-mark'),
    },
  }),
});

app.http('fixed', {
  route: 'things/fixed',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: async () => ({ status: 202, body: 'fixed' }),
});

app.http('master-only', { authLevel: 'admin', handler: async () => ({ body: 'in' }) });

app.http('broken', {
  authLevel: 'anonymous',
  handler: async () => {
    throw new Error('the inside of it');
  },
});

app.http('switched-off', { authLevel: 'anonymous', handler: async () => ({ body: 'on' }) });

app.http('slow', {
  authLevel: 'anonymous',
  handler: async () => {
    await sleep(500);
    return { body: 'done' };
  },
});

app.http('root', {
  route: '{ignored:maxlength(0)?}',
  authLevel: 'anonymous',
  handler: async () => ({ body: 'root' }),
});

app.http('files', {
  route: 'files/{*path}',
  authLevel: 'anonymous',
  handler: async (request) => ({ body: `file ${request.params.path ?? ''}` }),
});

app.http('certificate', {
  authLevel: 'anonymous',
  handler: async (request) => ({ body: request.headers.get('x-arr-clientcert') ?? 'none' }),
});
