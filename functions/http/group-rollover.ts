import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import type { DevicesUnderCa } from '../../lib/devices/under-ca.ts';
import { completeRollover } from '../../lib/pipeline/complete-rollover.ts';
import { type RolloverGate, readRolloverGate } from '../../lib/pipeline/rollover-gate.ts';
import { KiB } from './body.ts';
import { groupSchema, groupView } from './group-view.ts';
import { knownCas } from './known-cas.ts';
import { defineOperation } from './operation.ts';
import { resourceId } from './parameters.ts';
import { versionHeader } from './precondition.ts';
import { act, count, time } from './schemas.ts';

const pathParameters = z.object({ id: resourceId });

const counted = z
  .object({ devices: count, until: time.optional().describe('The last end of their certificates of the CA.') })
  .meta({ id: 'DevicesUnderCa' });

const gateSchema = z
  .object({
    open: z.boolean().describe('The older CA can be removed.'),
    devicesLockedOut: count.describe(
      'Devices that could not register any more if it left DPS now: the first three counts.',
    ),
    notRenewed: counted.describe('Registered with a certificate of it, and have no other one.'),
    notConfirmed: counted.describe(
      'Registered with a certificate of it, and not yet with the one that they were issued since.',
    ),
    notInstalled: counted.describe(
      'Bundles of it that were issued within `bundleShelfLifeDays`, and did not register yet.',
    ),
    pastShelfLife: counted.describe('Bundles that were issued before and did not register. They do not hold the gate.'),
    estIds: counted.describe(
      'Certificates of it for the EST server, which trusts them until they end. They do not hold the gate.',
    ),
    opensBy: time.optional().describe('The gate opens by itself then, at the latest.'),
    observedAt: time.describe('When the devices were counted.'),
  })
  .meta({ id: 'RolloverGate' });

const ca = z.object({ generation: z.int().min(1), notAfter: time });

const rolloverSchema = z
  .object({
    id: z.string(),
    currentCa: ca.optional().describe('Absent until the group issues for the first time.'),
    olderCa: ca.optional().describe('DPS accepts it until the rollover is completed. Absent when there is none.'),
    startedBy: act.readonly().optional(),
    removing: act.readonly().optional().describe('Who is removing the older CA. Repeat a request that was cut short.'),
    gate: gateSchema.optional().describe('What stands in the way of removing the older CA. Absent when there is none.'),
  })
  .meta({ id: 'GroupRollover' });

const getRollover = defineOperation({
  id: 'get-group-rollover',
  method: 'GET',
  path: 'enrollment-groups/{id}/rollover',
  summary: 'What stands in the way of removing the older CA',
  description:
    'Counts the devices of the group as their records are now. For a million devices this takes about a minute.',
  role: 'reader',
  perGroup: true,
  pathParameters,
  answers: { 200: { description: 'The rollover of the group.', schema: rolloverSchema } },
  errors: ['not-found'],
  async handle({ path: { id }, services }) {
    const { value: group } = await services.groups.latest(id);
    const gate = await readRolloverGate(group, services);
    const [current, older] = group.issuingCas;
    const { removingCa, rolledOverBy } = group;
    return {
      status: 200,
      json: {
        id: group.id,
        currentCa: current && { generation: current.generation, notAfter: current.notAfter },
        olderCa: older && { generation: older.generation, notAfter: older.notAfter },
        startedBy: rolledOverBy,
        removing: removingCa && { by: removingCa.by, at: removingCa.at },
        gate: gate && gateView(gate),
      },
    };
  },
});

function gateView(gate: RolloverGate): z.output<typeof gateSchema> {
  const { open, devicesLockedOut, notRenewed, notConfirmed, notInstalled, pastShelfLife, estIds } = gate;
  const shown = ({ devices, until }: DevicesUnderCa) => ({ devices, until });
  return {
    ...{ open, devicesLockedOut, opensBy: gate.opensBy, observedAt: gate.observedAt },
    ...{ notRenewed: shown(notRenewed), notConfirmed: shown(notConfirmed), notInstalled: shown(notInstalled) },
    ...{ pastShelfLife: shown(pastShelfLife), estIds: shown(estIds) },
  };
}

const completion = z
  .strictObject({
    force: z
      .strictObject({
        devicesLockedOut: count.describe('How many devices the gate counts now. Another number is refused.'),
      })
      .optional()
      .describe('Remove the CA although devices need it. They cannot register until they are issued again.'),
  })
  .meta({ id: 'RolloverCompletion' });

const complete = defineOperation({
  id: 'complete-group-rollover',
  method: 'POST',
  path: 'enrollment-groups/{id}/rollover/complete',
  summary: 'Remove the older CA of a group from DPS',
  description:
    'Refused while devices need it (GET of the rollover). The EST server trusts its certificates until they end. This takes some 11 seconds: no worker may issue by it any more. Repeat a request that was cut short.',
  role: 'operator',
  perGroup: true,
  pathParameters,
  body: {
    kind: 'json',
    description: 'Nothing, or the number of devices that are locked out knowingly.',
    optional: true,
    schema: completion,
    maxBytes: 4 * KiB,
  },
  intentOf: ({ force }) => force && { devicesLockedOut: force.devicesLockedOut },
  answers: { 200: { description: 'The group.', schema: groupSchema, headers: versionHeader } },
  errors: ['not-found', 'method-conflict', 'rollover-gated', 'group-refused', 'group-exists', 'ca-unregistered'],
  async handle({ path: { id }, body: { force }, services, caller, note }) {
    const asked = { by: actorName(caller), devicesLockedOut: force?.devicesLockedOut };
    const { group, etag, pending, gate } = await completeRollover(id, asked, services);
    note({ caGeneration: gate?.ca.generation, devicesLockedOut: gate?.devicesLockedOut });
    return {
      status: 200,
      json: groupView(group, { known: await knownCas(services), deployment: services.deployment, pending }),
      headers: { etag },
    };
  },
});

export const groupRollovers = [getRollover, complete];
