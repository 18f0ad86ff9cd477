import { app } from '@azure/functions';
import { FleetError } from '../lib/errors.ts';
import { httpAuthLevel } from './config.ts';
import { groupView } from './http/group-view.ts';
import { idFrom } from './http/parameters.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('get-enrollment-group', {
  route: 'enrollment-groups/{id}',
  methods: ['GET'],
  authLevel: httpAuthLevel(),
  handler: respond('get-enrollment-group', async (request) => {
    const id = idFrom(request, 'id');
    const group = (await services().groups.directory({ maxAgeSeconds: 0 })).get(id);
    if (group === undefined) throw new FleetError('not-found', `There is no enrollment group "${id}".`);
    return json(groupView(group.value));
  }),
});
