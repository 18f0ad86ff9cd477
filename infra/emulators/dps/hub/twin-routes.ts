import { z } from 'zod';
import { pageHeaders, pageRequestOf } from '../http/conventions.ts';
import type { Answer, Call, Route } from '../http/server.ts';
import { ServiceError } from '../http/service-error.ts';
import type { Settings } from '../options.ts';
import { etagMatches, timestamp } from '../record-metadata.ts';
import { twinViolation } from '../twin-limits.ts';
import { compileDeviceQuery } from './device-query.ts';
import { type DeviceLookup, type DeviceRegistry, hubBadRequest } from './device-registry.ts';
import { type HubDevice, mergePatch, patchSection, replaceSection, showTwin, twinEtag } from './hub-device.ts';

const object = z.record(z.string(), z.unknown());
const patchSyntax = z.object({
  tags: object.nullish(),
  properties: z.object({ desired: object.nullish() }).nullish(),
});

export interface TwinRouteParts {
  readonly lookup: DeviceLookup;
  readonly registry: DeviceRegistry;
  readonly settings: Pick<Settings, 'now'>;
}

/** Device twins and queries over them: https://learn.microsoft.com/rest/api/iothub/service/devices */
export function twinRoutes({ lookup, registry, settings: { now } }: TwinRouteParts): Route[] {
  function change(call: Call, apply: typeof patched): Answer {
    const { hub, device } = lookup.existing(call, call.parameters['id'] ?? '');
    const ifMatch = call.header('if-match');
    if (ifMatch !== undefined && !etagMatches(ifMatch, twinEtag(device))) {
      throw new ServiceError(412, 'PreconditionFailed', 'The twin has another etag.');
    }
    const parsed = patchSyntax.safeParse(call.body);
    if (!parsed.success) throw hubBadRequest('tags and properties.desired must be objects.');
    const next = apply(device, parsed.data, timestamp(now()));
    const violation = twinViolation(next.tags, next.desired.values);
    if (violation !== undefined) throw hubBadRequest(violation);
    registry.put(hub, next);
    return answer(next);
  }

  return [
    {
      method: 'GET',
      path: '/twins/{id}',
      handle: (call) => answer(lookup.existing(call, call.parameters['id'] ?? '').device),
    },
    { method: 'PATCH', path: '/twins/{id}', handle: (call) => change(call, patched) },
    { method: 'PUT', path: '/twins/{id}', handle: (call) => change(call, replaced) },
    {
      method: 'POST',
      path: '/devices/query',
      handle(call) {
        const hubs = lookup.hubs(call);
        const parsed = z.object({ query: z.string() }).safeParse(call.body);
        if (!parsed.success) throw hubBadRequest('The body must be {"query": "..."}.');
        const where = compileDeviceQuery(parsed.data.query);
        const request = { ...pageRequestOf(call, hubBadRequest), ...(where ? { where } : {}) };
        const page = registry.page(hubs, request);
        return {
          status: 200,
          headers: pageHeaders(page, 'Twin', request.limit),
          body: page.values.map(showTwin),
        };
      },
    },
  ];
}

type TwinInput = z.output<typeof patchSyntax>;

function patched(device: HubDevice, { tags, properties }: TwinInput, time: string): HubDevice {
  return {
    ...device,
    twinVersion: device.twinVersion + 1,
    tags: tags ? mergePatch(device.tags, tags) : device.tags,
    desired: properties?.desired
      ? patchSection(device.desired, withoutMetadata(properties.desired), time)
      : device.desired,
  };
}

function replaced(device: HubDevice, { tags, properties }: TwinInput, time: string): HubDevice {
  return {
    ...device,
    twinVersion: device.twinVersion + 1,
    tags: mergePatch({}, tags ?? {}),
    desired: replaceSection(device.desired, withoutMetadata(properties?.desired ?? {}), time),
  };
}

/** Removes the metadata of the hub. Clients may send it back, but cannot change it. */
function withoutMetadata({ $metadata: _, $version: __, ...values }: Record<string, unknown>): Record<string, unknown> {
  return values;
}

function answer(device: HubDevice): Answer {
  return { status: 200, headers: { ETag: `"${twinEtag(device)}"` }, body: showTwin(device) };
}
