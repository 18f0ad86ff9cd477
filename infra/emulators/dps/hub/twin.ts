import { z } from 'zod';
import type { InitialTwin, JsonObject } from '../entries/entry.ts';
import { twinViolation } from '../twin-limits.ts';
import { type HubDevice, mergePatch, patchSection, replaceSection } from './hub-device.ts';
import { hubBadRequest } from './hub-error.ts';

const object = z.record(z.string(), z.unknown());
const twinSyntax = z.object({
  tags: object.nullish(),
  properties: z.object({ desired: object.nullish() }).nullish(),
});

/** The parts of a twin that a service may write. */
export interface TwinInput {
  readonly tags?: JsonObject | undefined;
  readonly desired?: JsonObject | undefined;
}

/** Reads tags and desired properties. Clients may send the metadata of the hub back, but cannot change it. @throws ServiceError 400 */
export function readTwin(body: unknown): TwinInput {
  const parsed = twinSyntax.safeParse(body);
  if (!parsed.success) throw hubBadRequest('tags and properties.desired must be objects.');
  const { tags, properties } = parsed.data;
  const { $metadata: _, $version: __, ...desired } = properties?.desired ?? {};
  return { tags: tags ?? undefined, desired: properties?.desired ? desired : undefined };
}

/** The twin of a new device. @throws ServiceError 400 if it exceeds a limit of IoT Hub */
export function newTwin(input: TwinInput): InitialTwin {
  const tags = mergePatch({}, input.tags ?? {});
  const desired = mergePatch({}, input.desired ?? {});
  checkLimits(tags, desired);
  return { tags, properties: { desired } };
}

/** @param time of the change, for the metadata */
export type TwinChange = (device: HubDevice, input: TwinInput, time: string) => HubDevice;

/** Merges member by member. A null removes a member. */
export const patchTwin: TwinChange = (device, { tags, desired }, time) => ({
  ...device,
  twinVersion: device.twinVersion + 1,
  tags: tags ? mergePatch(device.tags, tags) : device.tags,
  desired: desired ? patchSection(device.desired, desired, time) : device.desired,
});

/** Replaces tags and desired properties. Those that are left out become empty. */
export const replaceTwin: TwinChange = (device, { tags = {}, desired = {} }, time) =>
  overwriteTwin(device, { tags, desired }, time);

/** Replaces what is present. */
export const overwriteTwin: TwinChange = (device, { tags, desired }, time) => ({
  ...device,
  twinVersion: device.twinVersion + 1,
  tags: tags ? mergePatch({}, tags) : device.tags,
  desired: desired ? replaceSection(device.desired, desired, time) : device.desired,
});

/** Applies a change. @throws ServiceError 400 if the twin would exceed a limit of IoT Hub */
export function changedTwin(device: HubDevice, input: TwinInput, change: TwinChange, time: string): HubDevice {
  const next = change(device, input, time);
  checkLimits(next.tags, next.desired.values);
  return next;
}

function checkLimits(tags: JsonObject, desired: JsonObject): void {
  const violation = twinViolation(tags, desired);
  if (violation !== undefined) throw hubBadRequest(violation);
}
