import { app } from '@azure/functions';
import { httpAuthLevel } from './config.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('health', {
  route: 'health',
  methods: ['GET'],
  authLevel: httpAuthLevel(),
  handler: respond('health', async () => {
    const checks = await services().checks();
    const ok = checks.every((check) => check.ok);
    return json({ status: ok ? 'ok' : 'failing', checks }, { status: ok ? 200 : 503 });
  }),
});
