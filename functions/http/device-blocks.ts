import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import type { DeviceRecord } from '../../lib/devices/device.ts';
import { blockDevice, restoreDevice } from '../../lib/pipeline/block-device.ts';
import { scrapDevice } from '../../lib/pipeline/scrap-device.ts';
import type { Services } from '../services.ts';
import { deviceSchema, deviceView } from './device-view.ts';
import { defineOperation } from './operation.ts';
import { resourceId } from './parameters.ts';

const pathParameters = z.object({ deviceId: resourceId });

/** Characters of a reason. It is stored with the device and in the audit trail. */
const maxReasonLength = 200;

/**
 * What a reason cannot have: control characters, ends of lines, and characters that turn the direction of the text around
 * them. Readers of docs/openapi.json in other languages have no `\p{Cc}`.
 */
const noText = '\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069';
/** One line, with a character that is not a space. */
const reasonPattern = `^ *[^ ${noText}][^${noText}]*$`;
const reasonExpression = new RegExp(reasonPattern, 'u');

/** Why an operator does it: stored without spaces around it. */
export const reasonText = z
  .string()
  // JSON Schema counts code points, and `length` counts UTF-16 units.
  .refine(
    (text) =>
      text.length <= 2 * maxReasonLength &&
      [...text].length <= maxReasonLength &&
      reasonExpression.test(text) &&
      // Half of a pair (UTF-16) is not a character. UTF-8 has none, so docs/openapi.json does not name it.
      text.isWellFormed(),
    { error: `text of one line, 1 to ${maxReasonLength} characters, not only spaces` },
  )
  .trim()
  .meta({ override: { minLength: 1, maxLength: maxReasonLength, pattern: reasonPattern } });

export const reasonBody = {
  kind: 'json',
  description: 'Why.',
  schema: z.strictObject({ reason: reasonText }).meta({ id: 'Reason' }),
  maxBytes: 4096,
} as const;

const answers = {
  200: { description: 'Done: every door was read back.', schema: deviceSchema },
  202: {
    description: 'A door is not as it should be yet. The app goes on by itself; `block.doors` says which.',
    schema: deviceSchema,
  },
} as const;

const errors = ['not-found', 'method-conflict', 'device-revoked'] as const;

/** The device, with 200 once every door was read back. */
async function answer(record: DeviceRecord, { groups, bundleRetentionDays, now }: Services) {
  const isUnderway = record.status === 'closing' || record.status === 'opening';
  const group = (await groups.directory()).get(record.enrollmentGroup)?.value;
  const json = deviceView(record, { twin: record.twin, group, bundleRetentionDays, at: now() });
  return { status: isUnderway ? 202 : 200, json } as const;
}

const suspendDevice = defineOperation({
  id: 'suspend-device',
  method: 'POST',
  path: 'devices/{deviceId}/suspend',
  summary: 'Suspend a device',
  description:
    'Ends its access until it is restored: reissue, bundle and renewal, then registration with DPS, then its identity at the hub. The doors are read back, and again after a minute. Repeat a request that was cut short.',
  takesRightsAway: true,
  role: 'operator',
  perGroup: true,
  pathParameters,
  body: reasonBody,
  answers,
  errors,
  handle: async ({ path, body: { reason }, services, caller }) =>
    answer(await blockDevice(path.deviceId, 'suspended', { by: actorName(caller), reason }, services), services),
});

const revokeDevice = defineOperation({
  id: 'revoke-device',
  method: 'POST',
  path: 'devices/{deviceId}/revoke',
  summary: 'Revoke a device for good',
  description:
    'As suspend, and cannot be undone: the device needs a new id. Its status is `revoked` only when every door is closed.',
  takesRightsAway: true,
  role: 'operator',
  perGroup: true,
  pathParameters,
  body: reasonBody,
  answers,
  errors,
  handle: async ({ path, body: { reason }, services, caller }) =>
    answer(await blockDevice(path.deviceId, 'revoked', { by: actorName(caller), reason }, services), services),
});

const restoreOne = defineOperation({
  id: 'restore-device',
  method: 'POST',
  path: 'devices/{deviceId}/restore',
  summary: 'Restore a suspended device',
  description: 'Opens the doors in reverse: its identity at the hub, DPS, then the record.',
  role: 'operator',
  perGroup: true,
  pathParameters,
  body: reasonBody,
  answers,
  errors,
  handle: async ({ path, body: { reason }, services, caller }) =>
    answer(await restoreDevice(path.deviceId, { by: actorName(caller), reason }, services), services),
});

const removeDevice = defineOperation({
  id: 'delete-device',
  method: 'DELETE',
  path: 'devices/{deviceId}',
  summary: 'Delete or scrap a device',
  description:
    'A device that never reached a hub is deleted: its enrollment and its bundle are removed, its certificate is revoked, and its id is free. Any other is scrapped: revoked, and removed from its hub, from the registrations of DPS and from its archive. Its block in DPS stays, and its id is free when its last certificate has ended. Repeat a request that was cut short.',
  takesRightsAway: true,
  role: 'operator',
  perGroup: true,
  pathParameters,
  query: z.object({
    reason: reasonText.optional().describe('Needed for a device that reached a hub; 409 without it.'),
  }),
  answers,
  errors: [...errors, 'enrollment-exists', 'archive-damaged'],
  handle: async ({ path, query: { reason }, services, caller }) =>
    answer(await scrapDevice(path.deviceId, { by: actorName(caller), reason }, services), services),
});

export const deviceBlocks = [suspendDevice, revokeDevice, restoreOne, removeDevice];
