import { app, type HttpRequest } from '@azure/functions';
import { actorName } from '../../lib/access/act.ts';
import { unknownGroup } from '../../lib/enrollment/group-directory.ts';
import { FleetError } from '../../lib/errors.ts';
import { shownDefinition } from '../../lib/groups/definition.ts';
import { enrollmentRevision, type GroupRecord, inForce } from '../../lib/groups/group.ts';
import { bodyOf } from './body.ts';
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
    const all = await groups.directory({ maxAgeSeconds: 0 });
    const group = all.get(id);
    if (group === undefined) throw unknownGroup('not-found', id, all.keys());
    return json(groupView(group.value));
  }),
});

app.http('put-enrollment-group', {
  route: 'enrollment-groups/{id}',
  methods: ['PUT'],
  authLevel,
  handler: respond('put-enrollment-group', async (request, { groups }, { caller }) => {
    const id = request.params['id'] ?? '';
    const { group, created, pending } = await groups.declare(id, await definitionIn(request), actorName(caller));
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
  handler: respond('roll-over-enrollment-group', async (request, { groups }, { caller }) => {
    const from = numberFrom(request, 'from');
    const force = wordFrom(request, 'force', ['true', 'false']) === 'true';
    const { group, pending } = await groups.rollOver(idFrom(request, 'id'), { from, force }, actorName(caller));
    return json(groupView(group, pending));
  }),
});

async function definitionIn(request: HttpRequest): Promise<unknown> {
  const expected = 'a JSON object';
  const body = Buffer.concat(await Array.fromAsync(bodyOf('put-enrollment-group', request)));
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new FleetError('request-invalid', `The body is not JSON. Expected ${expected}.`, { expected, cause });
  }
}

/**
 * An enrollment group as the API shows it: its definition, its CAs, and whether DPS has it in its current form.
 * @param pending why DPS could not be updated now
 * @param shown the definition to show; the default has no queries of URLs, which often hold a key
 */
export function groupView(group: GroupRecord, pending?: FleetError, shown = shownDefinition(group.definition)) {
  const { id, ...definition } = shown;
  const individual = definition.enrollment === 'individual';
  const revision = enrollmentRevision(group);
  const enrolled = individual || group.enrolled?.revision === revision;
  const refused = !enrolled && group.refusal?.revision === revision ? group.refusal.reason : undefined;
  const { id: _id, ...accepted } = shownDefinition(inForce(group).definition);
  return {
    id,
    definition,
    enrollment: {
      status: enrolled ? 'enrolled' : refused === undefined ? 'pending' : 'refused',
      at: group.enrolled?.at,
      reason: pending?.reason ?? refused,
    },
    // By which devices are provisioned until DPS accepts the definition above.
    inForce: group.accepted === undefined || enrolled ? undefined : accepted,
    issuingCas: group.issuingCas.map(({ generation, notAfter, certificatePem, chainPem, registration }) => {
      return { generation, notAfter, certificatePem, chainPem, registration };
    }),
    declaredBy: group.declaredBy,
    rolledOverBy: group.rolledOverBy,
    createdAt: group.createdAt,
    updatedAt: group.updatedAt,
  };
}
