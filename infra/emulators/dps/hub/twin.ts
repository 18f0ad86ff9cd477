import { z } from 'zod';
import { twinViolation } from '../twin-limits.ts';
import { type HubDevice, mergePatch, patchSection, replaceSection } from './hub-device.ts';
import { hubBadRequest } from './hub-error.ts';

const object = z.record(z.string(), z.unknown());
const twinSyntax = z.object({
  tags: object.nullish(),
  properties: z.object({ desired: object.nullish() }).nullish(),
});

/** The parts of a twin that a service may write. */
export type TwinInput = z.output<typeof twinSyntax>;

/** @throws ServiceError 400 */
export function readTwin(body: unknown): TwinInput {
  const parsed = twinSyntax.safeParse(body);
  if (!parsed.success) throw hubBadRequest('tags and properties.desired must be objects.');
  return parsed.data;
}

/** @param time of the change, for the metadata */
export type TwinChange = (device: HubDevice, input: TwinInput, time: string) => HubDevice;

/** Merges member by member. A null removes a member. */
export const patchTwin: TwinChange = (device, { tags, properties }, time) => ({
  ...device,
  twinVersion: device.twinVersion + 1,
  tags: tags ? mergePatch(device.tags, tags) : device.tags,
  desired: properties?.desired
    ? patchSection(device.desired, withoutMetadata(properties.desired), time)
    : device.desired,
});

/** Replaces tags and desired properties. Those that are left out become empty. */
export const replaceTwin: TwinChange = (device, { tags, properties }, time) => ({
  ...device,
  twinVersion: device.twinVersion + 1,
  tags: mergePatch({}, tags ?? {}),
  desired: replaceSection(device.desired, withoutMetadata(properties?.desired ?? {}), time),
});

/** Applies a change. @throws ServiceError 400 if the twin would exceed a limit of IoT Hub */
export function changedTwin(device: HubDevice, input: TwinInput, change: TwinChange, time: string): HubDevice {
  const next = change(device, input, time);
  const violation = twinViolation(next.tags, next.desired.values);
  if (violation !== undefined) throw hubBadRequest(violation);
  return next;
}

/** Removes the metadata of the hub. Clients may send it back, but cannot change it. */
function withoutMetadata({ $metadata: _, $version: __, ...values }: Record<string, unknown>): Record<string, unknown> {
  return values;
}
