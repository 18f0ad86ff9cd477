import { app } from '@azure/functions';
import { authLevel, json, respond } from './respond.ts';

app.http('health', {
  route: 'health',
  methods: ['GET'],
  authLevel,
  handler: respond('health', async (_request, services) => {
    const checks = await services.checks();
    const ok = checks.every((check) => check.ok);
    return json({ status: ok ? 'ok' : 'failing', checks }, { status: ok ? 200 : 503 });
  }),
});
