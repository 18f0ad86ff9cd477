import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import { deviceId } from '../../lib/devices/ids.ts';
import { FleetError } from '../../lib/errors.ts';
import { MiB } from './body.ts';
import { groupDefinition, groupSchema, groupView } from './group-view.ts';
import { defineOperation } from './operation.ts';
import { flag, resourceId, wholeNumber } from './parameters.ts';

const pathParameters = z.object({ id: resourceId });

const listGroups = defineOperation({
  id: 'list-enrollment-groups',
  method: 'GET',
  path: 'enrollment-groups',
  summary: 'All enrollment groups, by id',
  role: 'reader',
  perGroup: true,
  answers: {
    200: {
      description: 'All of them. DPS takes 100 groups, so the list is not paged.',
      schema: z.object({ enrollmentGroups: z.array(groupSchema) }).meta({ id: 'EnrollmentGroups' }),
    },
  },
  async handle({ services }) {
    const directory = await services.groups.directory({ maxAgeSeconds: 0 });
    const sorted = [...directory.values()].sort((a, b) => (a.value.id < b.value.id ? -1 : 1));
    return { status: 200, json: { enrollmentGroups: sorted.map(({ value }) => groupView(value)) } };
  },
});

const getGroup = defineOperation({
  id: 'get-enrollment-group',
  method: 'GET',
  path: 'enrollment-groups/{id}',
  summary: 'One enrollment group',
  role: 'reader',
  perGroup: true,
  pathParameters,
  answers: { 200: { description: 'The group.', schema: groupSchema } },
  errors: ['not-found'],
  async handle({ path: { id }, services }) {
    const group = (await services.groups.directory({ maxAgeSeconds: 0 })).get(id);
    if (group === undefined) throw new FleetError('not-found', `There is no enrollment group "${id}".`);
    return { status: 200, json: groupView(group.value) };
  },
});

const location = z.string().describe('Path of the group.');

const putGroup = defineOperation({
  id: 'put-enrollment-group',
  method: 'PUT',
  path: 'enrollment-groups/{id}',
  summary: 'Declare an enrollment group',
  description: 'Creates the group or changes it, makes its issuing CA, and brings DPS up to date (docs/groups.md).',
  // A group decides which devices are trusted and where they go.
  role: 'operator',
  perGroup: true,
  // The definition is checked with its id, so that one answer has every fault.
  pathParameters: z.object({ id: z.string().meta({ override: { pattern: deviceId.source } }) }),
  body: {
    kind: 'json-unchecked',
    description: 'The definition.',
    schema: groupDefinition,
    // A definition has at most 31 certificates of 16 KiB, and a twin of 40 KB.
    maxBytes: 1 * MiB,
  },
  answers: {
    200: { description: 'The group, changed or as it was.', schema: groupSchema, headers: { location } },
    201: { description: 'The new group.', schema: groupSchema, headers: { location } },
  },
  errors: ['group-invalid', 'custody-not-allowed', 'ca-key-unusable', 'group-refused'],
  async handle({ path, body, services, caller }) {
    const { group, created, pending } = await services.groups.declare(path.id, body, actorName(caller));
    // Only the answer to the declaration shows the queries of URLs: its caller sent them.
    return {
      status: created ? 201 : 200,
      json: groupView(group, pending, group.definition),
      headers: { location: `/api/enrollment-groups/${group.id}` },
    };
  },
});

const rollOver = defineOperation({
  id: 'roll-over-enrollment-group',
  method: 'POST',
  path: 'enrollment-groups/{id}/rollover',
  summary: 'Make a new issuing CA the current one',
  description: 'DPS keeps the previous one, so its devices can still register (docs/certificates.md).',
  role: 'operator',
  perGroup: true,
  pathParameters,
  query: z.object({
    from: wholeNumber
      .optional()
      .describe('The generation that is current now. With it, a repeated request rolls over once.'),
    force: flag.optional().describe('Roll over although devices of the oldest CA could no longer register.'),
  }),
  answers: { 200: { description: 'The group.', schema: groupSchema } },
  errors: ['not-found', 'method-conflict', 'ca-key-unusable', 'group-refused'],
  async handle({ path, query: { from, force = false }, services, caller }) {
    const { group, pending } = await services.groups.rollOver(path.id, { from, force }, actorName(caller));
    return { status: 200, json: groupView(group, pending) };
  },
});

export const groupOperations = [listGroups, getGroup, putGroup, rollOver];
