import { hash } from 'node:crypto';
import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import { deviceId } from '../../lib/devices/ids.ts';
import { unknownGroup } from '../../lib/enrollment/group-directory.ts';
import type { GroupRecord } from '../../lib/groups/group.ts';
import { canonicalJson } from '../../lib/json.ts';
import { restoreGroup, suspendGroup } from '../../lib/pipeline/suspend-group.ts';
import { MiB } from './body.ts';
import { reasonBody } from './device-blocks.ts';
import { fleetActSchema, fleetActView, newActId } from './fleet-acts.ts';
import { groupDefinition, groupSchema, groupView } from './group-view.ts';
import { knownCas } from './known-cas.ts';
import { defineOperation } from './operation.ts';
import { flag, resourceId, wholeNumber } from './parameters.ts';
import { ifVersion, preconditionIn, versionHeader } from './precondition.ts';

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
    const known = await knownCas(services);
    const sorted = [...directory.values()].sort((a, b) => (a.value.id < b.value.id ? -1 : 1));
    return {
      status: 200,
      json: {
        enrollmentGroups: sorted.map(({ value }) => groupView(value, { known, deployment: services.deployment })),
      },
    };
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
  answers: { 200: { description: 'The group.', schema: groupSchema, headers: versionHeader } },
  errors: ['not-found'],
  async handle({ path: { id }, services }) {
    const all = await services.groups.directory({ maxAgeSeconds: 0 });
    const group = all.get(id);
    if (group === undefined) throw unknownGroup('not-found', id, all.keys());
    const { value, etag } = group;
    return {
      status: 200,
      json: groupView(value, { known: await knownCas(services), deployment: services.deployment }),
      headers: { etag },
    };
  },
});

const location = z.string().describe('Path of the group.');
const written = { location, ...versionHeader };

const putGroup = defineOperation({
  id: 'put-enrollment-group',
  method: 'PUT',
  path: 'enrollment-groups/{id}',
  summary: 'Declare an enrollment group',
  description:
    'Creates the group or changes it, makes its issuing CA, and brings DPS up to date (docs/groups.md). Without adopt, a group that DPS has and that this deployment did not create is refused.',
  // A group decides which devices are trusted and where they go.
  role: 'operator',
  perGroup: true,
  // The definition is checked with its id, so that one answer has every fault.
  pathParameters: z.object({ id: z.string().meta({ override: { pattern: deviceId.source } }) }),
  query: z.object({
    adopt: flag
      .optional()
      .describe('Take over a group of this id that DPS has and that this deployment did not create.'),
  }),
  headers: z.object(ifVersion),
  body: {
    kind: 'json-unchecked',
    description: 'The definition.',
    schema: groupDefinition,
    // A definition has at most 31 certificates of 16 KiB, and a twin of 40 KB.
    maxBytes: 1 * MiB,
  },
  answers: {
    200: { description: 'The group, changed or as it was.', schema: groupSchema, headers: written },
    201: { description: 'The new group.', schema: groupSchema, headers: written },
  },
  errors: [
    'group-invalid',
    'custody-not-allowed',
    'ca-key-unusable',
    'group-refused',
    'group-exists',
    'method-conflict',
    'precondition-failed',
  ],
  async handle({ path, query: { adopt }, headers, body, services, caller, note }) {
    const options = { adopt, precondition: preconditionIn(headers) };
    const declared = await services.groups.declare(path.id, body, actorName(caller), options);
    const { group, etag, created, pending } = declared;
    note(groupDetails(group));
    // Only the answer to the declaration shows the queries of URLs: its caller sent them.
    return {
      status: created ? 201 : 200,
      json: groupView(group, {
        known: await knownCas(services),
        deployment: services.deployment,
        pending,
        shown: group.definition,
      }),
      headers: { location: `/api/enrollment-groups/${group.id}`, etag },
    };
  },
});

/** The entry of the audit trail about a group: the definition and the CA that are declared now. */
function groupDetails({ definition, issuingCas: [ca] }: GroupRecord) {
  return { definitionSha256: hash('sha256', canonicalJson(definition)), caGeneration: ca?.generation };
}

const rollOver = defineOperation({
  id: 'roll-over-enrollment-group',
  method: 'POST',
  path: 'enrollment-groups/{id}/rollover',
  summary: 'Make a new issuing CA the current one',
  description:
    'Starts a rollover: DPS keeps the previous CA, so its devices can still register, until the rollover is completed (docs/rollover.md).',
  role: 'operator',
  perGroup: true,
  pathParameters,
  query: z.object({
    from: wholeNumber
      .optional()
      .describe('The generation that is current now. With it, a repeated request rolls over once.'),
    force: flag.optional().describe('Roll over although devices of the oldest CA could no longer register.'),
  }),
  answers: { 200: { description: 'The group.', schema: groupSchema, headers: versionHeader } },
  errors: ['not-found', 'method-conflict', 'ca-key-unusable', 'group-refused', 'group-exists'],
  async handle({ path, query: { from, force = false }, services, caller, note }) {
    const rolledOver = await services.groups.rollOver(path.id, { from, force }, actorName(caller));
    const { group, etag, pending } = rolledOver;
    note(groupDetails(group));
    return {
      status: 200,
      json: groupView(group, { known: await knownCas(services), deployment: services.deployment, pending }),
      headers: { etag },
    };
  },
});

const rotateAllocationKey = defineOperation({
  id: 'rotate-allocation-key',
  method: 'POST',
  path: 'enrollment-groups/{id}/allocation-key',
  summary: 'Give a group another key for its webhook',
  description:
    'With `allocation` "orchestrator": makes a key and gives it to DPS. The key before is good until DPS has the new one, and for an hour more, so no registration fails. While DPS does not have the newest key, no other one is made (docs/allocation.md).',
  role: 'operator',
  perGroup: true,
  pathParameters,
  answers: { 200: { description: 'The group. No answer shows a key.', schema: groupSchema, headers: versionHeader } },
  errors: ['not-found', 'method-conflict', 'concurrent-change', 'group-refused', 'group-exists'],
  async handle({ path: { id }, services, note }) {
    const { group, etag, pending } = await services.groups.rotateAllocationKey(id);
    note({ keyGeneration: group.allocationHook?.keys[0].generation });
    return {
      status: 200,
      json: groupView(group, { known: await knownCas(services), deployment: services.deployment, pending }),
      headers: { etag },
    };
  },
});

const acted = {
  202: {
    description: 'The group, and the act on its devices. DPS has the group so if `enrollment.status` is `enrolled`.',
    schema: z.object({ group: groupSchema, act: fleetActSchema }).meta({ id: 'GroupAct' }),
  },
} as const;

const suspend = defineOperation({
  id: 'suspend-enrollment-group',
  method: 'POST',
  path: 'enrollment-groups/{id}/suspend',
  summary: 'Suspend a group and its devices',
  description: 'Disables the group in DPS at once. An act suspends its devices: follow it at GET /api/device-acts.',
  takesRightsAway: true,
  role: 'operator',
  perGroup: false,
  pathParameters,
  body: reasonBody,
  answers: acted,
  errors: ['not-found', 'method-conflict', 'group-refused', 'group-exists'],
  async handle({ path: { id }, body: { reason }, services, caller, note }) {
    const asked = { by: actorName(caller), reason };
    const { group, pending, act } = await suspendGroup(id, newActId(services.newId), asked, services);
    note({ actId: act.actId });
    return {
      status: 202,
      json: {
        group: groupView(group, { known: await knownCas(services), deployment: services.deployment, pending }),
        act: fleetActView(act),
      },
    };
  },
});

const restore = defineOperation({
  id: 'restore-enrollment-group',
  method: 'POST',
  path: 'enrollment-groups/{id}/restore',
  summary: 'Restore a suspended group and its devices',
  description: 'Devices that were suspended by themselves stay suspended.',
  role: 'operator',
  perGroup: false,
  pathParameters,
  body: reasonBody,
  answers: acted,
  errors: ['not-found', 'method-conflict', 'group-refused', 'group-exists'],
  async handle({ path: { id }, body: { reason }, services, caller, note }) {
    const { group, pending, act } = await restoreGroup(id, { by: actorName(caller), reason }, services);
    note({ actId: act.actId });
    return {
      status: 202,
      json: {
        group: groupView(group, { known: await knownCas(services), deployment: services.deployment, pending }),
        act: fleetActView(act),
      },
    };
  },
});

export const groupOperations = [listGroups, getGroup, putGroup, rollOver, rotateAllocationKey, suspend, restore];
