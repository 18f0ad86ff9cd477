import { app, type HttpRequest } from '@azure/functions';
import { FleetError } from '../lib/errors.ts';
import { httpAuthLevel } from './config.ts';
import { groupView } from './http/group-view.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('put-enrollment-group', {
  route: 'enrollment-groups/{id}',
  methods: ['PUT'],
  authLevel: httpAuthLevel(),
  handler: respond('put-enrollment-group', async (request) => {
    const id = request.params['id'] ?? '';
    const { group, created, pending } = await services().groups.declare(id, await bodyOf(request));
    return json(groupView(group, pending), {
      status: created ? 201 : 200,
      headers: { location: `/api/enrollment-groups/${group.id}` },
    });
  }),
});

async function bodyOf(request: HttpRequest): Promise<unknown> {
  try {
    return JSON.parse(await request.text());
  } catch (error) {
    throw new FleetError('request-invalid', 'The body is not JSON.', { expected: 'a JSON object', cause: error });
  }
}
