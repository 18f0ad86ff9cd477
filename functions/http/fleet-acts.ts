import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import { deviceId, enrollmentGroupId } from '../../lib/devices/ids.ts';
import { type FleetAct, fleetActKinds, type ListedAct } from '../../lib/jobs/fleet-act.ts';
import {
  beginFleetAct,
  cancelFleetAct,
  estimateFleetAct,
  type FleetActRequest,
  readFleetAct,
} from '../../lib/pipeline/fleet-acts.ts';
import { MiB } from './body.ts';
import { reasonText } from './device-blocks.ts';
import { defineOperation } from './operation.ts';
import { pageEnd, pageIn, pageQuery } from './pages.ts';
import { act, count, errorCode, pageLinks, time } from './schemas.ts';

/** Ids of one request: 10,000 of the longest are 700 KB. */
const maxIds = 10_000;

const filter = z
  .strictObject({
    group: z.string().regex(enrollmentGroupId, 'the id of an enrollment group').optional(),
    job: z
      .string()
      .regex(/^[0-9a-f]{24}$/, 'the id of a job')
      .optional(),
    tag: z
      .strictObject({
        path: z.string().min(1, { error: 'a path with dots' }).max(200, { error: 'at most 200 characters' }),
        value: z.string().max(4000, { error: 'at most 4000 characters' }),
      })
      .optional()
      .describe('Devices whose row has this tag, at a path with dots, with this value as text.'),
    deviceIds: z
      .array(z.string().regex(deviceId, 'a device id'))
      .min(1, { error: 'at least one device id' })
      .max(maxIds, { error: `at most ${maxIds} device ids` })
      .optional(),
  })
  .refine((members) => Object.keys(members).length > 0, 'at least one of group, job, tag, deviceIds')
  .meta({ description: 'Devices that match every member.', override: { minProperties: 1 } });

const estimate = z
  .object({
    devices: count.describe('Devices that match and are not as the act would have them.'),
    calls: z
      .object({ dps: count, hub: count })
      .describe('Operations of the quotas of DPS and of the registry of the hubs. A bulk call counts as its devices.'),
    minutes: count.describe('About, if nothing else uses the quotas.'),
    limit: z.enum(['hub registry', 'DPS', 'devicesPerMinute']).describe('What the minutes follow from.'),
  })
  .meta({ id: 'FleetActEstimate', description: 'What an act takes.' });

/** An act on many devices as the API shows it. */
export const fleetActSchema = z
  .object({
    actId: z.string(),
    act: z.enum(fleetActKinds),
    status: z.enum(['running', 'completed', 'cancelled']),
    reason: z.string(),
    by: z.string(),
    estimate: estimate.describe('When it began.'),
    counts: z.object({
      done: count.describe('Every door was read back.'),
      underway: count.describe('A door was not as it should be yet; the app goes on by itself (GET /api/devices).'),
      refused: count,
      unchanged: count.describe('Left as they were: the act has nothing to do to them.'),
    }),
    refusals: z
      .array(z.object({ deviceId: z.string(), code: errorCode, message: z.string() }).readonly())
      .readonly()
      .describe('The latest 20 devices that refused.'),
    devicesPerMinute: z.int().min(1).optional(),
    nextAt: time.describe('When its next step is due.'),
    startedAt: time,
    finishedAt: time.optional(),
    cancelledBy: act.readonly().optional(),
    links: z.object({ self: z.string() }).describe('Paths.'),
  })
  .meta({ id: 'FleetAct', description: 'One act on many devices.' });

export function fleetActView(act: FleetAct | ListedAct) {
  const { kind, after: _after, filter: _filter, ...shown } = { filter: undefined, ...act };
  return { ...shown, act: kind, links: { self: `/api/device-acts/${shown.actId}` } };
}

const begin = defineOperation({
  id: 'begin-device-act',
  method: 'POST',
  path: 'device-acts',
  summary: 'Suspend, revoke, restore or scrap many devices',
  description:
    'Counts the devices and says how long it takes; then the queue works on them. With dryRun it only counts. The registry of the hub is the limit of most acts (HUB_REGISTRY_OPERATIONS_PER_MINUTE).',
  // A restore gives rights.
  takesRightsAway: ({ act }) => act !== 'restore',
  intentOf: ({ act, filter: { group, job, tag, deviceIds }, dryRun, devicesPerMinute }) => ({
    ...{ act, group, job, dryRun, devicesPerMinute },
    tag: tag && `${tag.path}=${tag.value}`,
    devices: deviceIds?.length,
  }),
  role: 'operator',
  perGroup: false,
  body: {
    kind: 'json',
    description: 'The act.',
    schema: z
      .strictObject({
        act: z.enum(fleetActKinds),
        filter,
        reason: reasonText,
        dryRun: z.boolean().optional(),
        expectedDevices: count
          .max(1e9)
          .optional()
          .describe(
            '`devices` of the estimate that was confirmed. The act is refused when it would change another number.',
          ),
        devicesPerMinute: z.int().min(1).max(100_000).optional(),
      })
      .meta({ id: 'FleetActRequest' }),
    maxBytes: MiB,
  },
  answers: {
    200: { description: 'With dryRun: what the act would take.', schema: estimate },
    202: { description: 'The act.', schema: fleetActSchema },
  },
  errors: ['method-conflict'],
  async handle({ body, services, caller, note }) {
    const { group, job, tag, deviceIds } = body.filter;
    const request: FleetActRequest = {
      kind: body.act,
      filter: { enrollmentGroup: group, jobId: job, tag, deviceIds: deviceIds && [...new Set(deviceIds)].sort() },
      by: actorName(caller),
      reason: body.reason,
      devicesPerMinute: body.devicesPerMinute,
    };
    if (body.dryRun === true) return { status: 200, json: await estimateFleetAct(request, services) };
    const { expectedDevices } = body;
    const begun = await beginFleetAct(newActId(services.newId), request, services, { expectedDevices });
    note({ actId: begun.actId, devices: begun.estimate.devices });
    return { status: 202, json: fleetActView(begun) };
  },
});

/** 24 hex digits, as jobs have. */
export function newActId(newId: () => string): string {
  return newId().replaceAll('-', '').slice(0, 24);
}

const list = defineOperation({
  id: 'list-device-acts',
  method: 'GET',
  path: 'device-acts',
  summary: 'Acts on many devices, the latest first',
  role: 'reader',
  perGroup: false,
  query: z.object(pageQuery),
  answers: {
    200: {
      description: 'One page.',
      schema: z.object({ acts: z.array(fleetActSchema).readonly(), ...pageLinks }).meta({ id: 'FleetActs' }),
    },
  },
  async handle({ query, request, services }) {
    const { items, continuation } = await services.fleetActs.list(pageIn(request, query));
    return { status: 200, json: { acts: items.map(fleetActView), ...pageEnd(request, continuation) } };
  },
});

const pathParameters = z.object({ actId: z.string().regex(/^[0-9a-f]{24}$/, 'There is no act of this id.') });

const get = defineOperation({
  id: 'get-device-act',
  method: 'GET',
  path: 'device-acts/{actId}',
  summary: 'One act on many devices: status and counts',
  role: 'reader',
  perGroup: false,
  pathParameters,
  answers: { 200: { description: 'The act.', schema: fleetActSchema } },
  errors: ['not-found'],
  async handle({ path, services }) {
    return { status: 200, json: fleetActView((await readFleetAct(path.actId, services)).value) };
  },
});

const cancel = defineOperation({
  id: 'cancel-device-act',
  method: 'POST',
  path: 'device-acts/{actId}/cancel',
  summary: 'Stop an act on many devices',
  description: 'Devices that it has worked on stay as they are.',
  role: 'operator',
  perGroup: false,
  pathParameters,
  answers: { 200: { description: 'The act.', schema: fleetActSchema } },
  errors: ['not-found', 'method-conflict'],
  async handle({ path, services, caller }) {
    return { status: 200, json: fleetActView(await cancelFleetAct(path.actId, actorName(caller), services)) };
  },
});

export const fleetActOperations = [list, begin, get, cancel];
