import { app } from '@azure/functions';
import { httpAuthLevel } from './config.ts';
import { groupView } from './http/group-view.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('list-enrollment-groups', {
  route: 'enrollment-groups',
  methods: ['GET'],
  authLevel: httpAuthLevel(),
  handler: respond('list-enrollment-groups', async () => {
    // DPS takes 100 X.509 groups, so the list needs no pages.
    const groups = await services().groups.directory({ maxAgeSeconds: 0 });
    const sorted = [...groups.values()].sort((a, b) => (a.value.id < b.value.id ? -1 : 1));
    return json({ enrollmentGroups: sorted.map(({ value }) => groupView(value)) });
  }),
});
