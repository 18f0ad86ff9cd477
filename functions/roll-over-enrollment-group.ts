import { app } from '@azure/functions';
import { httpAuthLevel } from './config.ts';
import { groupView } from './http/group-view.ts';
import { idFrom, numberFrom, wordFrom } from './http/parameters.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('roll-over-enrollment-group', {
  route: 'enrollment-groups/{id}/rollover',
  methods: ['POST'],
  authLevel: httpAuthLevel(),
  handler: respond('roll-over-enrollment-group', async (request) => {
    const from = numberFrom(request, 'from');
    const force = wordFrom(request, 'force', ['true', 'false']) === 'true';
    const { group, pending } = await services().groups.rollOver(idFrom(request, 'id'), { from, force });
    return json(groupView(group, pending));
  }),
});
