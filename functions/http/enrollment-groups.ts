import { app, type HttpRequest } from '@azure/functions';
import { FleetError } from '../../lib/errors.ts';
import { shownDefinition } from '../../lib/groups/definition.ts';
import { enrollmentRevision, type GroupRecord } from '../../lib/groups/group.ts';
import { idFrom, numberFrom, wordFrom } from './parameters.ts';
import { authLevel, json, respond } from './respond.ts';

app.http('list-enrollment-groups', {
  route: 'enrollment-groups',
  methods: ['GET'],
  authLevel,
  handler: respond('list-enrollment-groups', async (_request, { groups }) => {
    // Not paged: DPS takes 100 X.509 groups.
    const directory = await groups.directory({ maxAgeSeconds: 0 });
    const sorted = [...directory.values()].sort((a, b) => (a.value.id < b.value.id ? -1 : 1));
    return json({ enrollmentGroups: sorted.map(({ value }) => groupView(value)) });
  }),
});

app.http('get-enrollment-group', {
  route: 'enrollment-groups/{id}',
  methods: ['GET'],
  authLevel,
  handler: respond('get-enrollment-group', async (request, { groups }) => {
    const id = idFrom(request, 'id');
    const group = (await groups.directory({ maxAgeSeconds: 0 })).get(id);
    if (group === undefined) throw new FleetError('not-found', `There is no enrollment group "${id}".`);
    return json(groupView(group.value));
  }),
});

app.http('put-enrollment-group', {
  route: 'enrollment-groups/{id}',
  methods: ['PUT'],
  authLevel,
  handler: respond('put-enrollment-group', async (request, { groups }) => {
    const id = request.params['id'] ?? '';
    const { group, created, pending } = await groups.declare(id, await bodyOf(request));
    // Only the answer to the declaration shows the queries of URLs: its caller sent them.
    return json(groupView(group, pending, group.definition), {
      status: created ? 201 : 200,
      headers: { location: `/api/enrollment-groups/${group.id}` },
    });
  }),
});

app.http('roll-over-enrollment-group', {
  route: 'enrollment-groups/{id}/rollover',
  methods: ['POST'],
  authLevel,
  handler: respond('roll-over-enrollment-group', async (request, { groups }) => {
    const from = numberFrom(request, 'from');
    const force = wordFrom(request, 'force', ['true', 'false']) === 'true';
    const { group, pending } = await groups.rollOver(idFrom(request, 'id'), { from, force });
    return json(groupView(group, pending));
  }),
});

async function bodyOf(request: HttpRequest): Promise<unknown> {
  const expected = 'a JSON object';
  try {
    return JSON.parse(await request.text());
  } catch (cause) {
    throw new FleetError('request-invalid', `The body is not JSON. Expected ${expected}.`, { expected, cause });
  }
}

/**
 * An enrollment group as the API shows it: its definition, its CAs, and whether DPS has it in its current form.
 * @param pending why DPS could not be updated now
 * @param shown the definition to show; the default has no queries of URLs, which often hold a key
 */
function groupView(group: GroupRecord, pending?: FleetError, shown = shownDefinition(group.definition)) {
  const { id, ...definition } = shown;
  const individual = definition.enrollment === 'individual';
  const enrolled = individual || group.enrolled?.revision === enrollmentRevision(group);
  return {
    id,
    definition,
    enrollment: {
      status: enrolled ? 'enrolled' : 'pending',
      at: group.enrolled?.at,
      reason: pending && { code: pending.code, message: pending.message, hint: pending.hint },
    },
    issuingCas: group.issuingCas.map(({ generation, notAfter, certificatePem, chainPem, registration }) => {
      return { generation, notAfter, certificatePem, chainPem, registration };
    }),
    createdAt: group.createdAt,
    updatedAt: group.updatedAt,
  };
}
