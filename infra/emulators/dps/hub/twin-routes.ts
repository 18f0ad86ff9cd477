import { z } from 'zod';
import { pageHeaders, pageRequestOf } from '../http/conventions.ts';
import type { Answer, Call, Route } from '../http/server.ts';
import type { Settings } from '../options.ts';
import { timestamp } from '../record-metadata.ts';
import { compileDeviceQuery } from './device-query.ts';
import type { DeviceRegistry } from './device-registry.ts';
import type { ViewOf } from './hub-access.ts';
import { type HubDevice, showTwin, twinEtag } from './hub-device.ts';
import { hubBadRequest } from './hub-error.ts';
import { checkEtag } from './identity-writer.ts';
import { changedTwin, patchTwin, readTwin, replaceTwin, type TwinChange } from './twin.ts';

export interface TwinRouteParts {
  readonly viewOf: ViewOf;
  readonly registry: DeviceRegistry;
  readonly settings: Pick<Settings, 'now'>;
}

/** Device twins and queries over them: https://learn.microsoft.com/rest/api/iothub/service/devices */
export function twinRoutes({ viewOf, registry, settings: { now } }: TwinRouteParts): Route[] {
  function change(call: Call, apply: TwinChange): Answer {
    const { hub, device } = viewOf(call, 'twinUpdates').existing(call.parameters['id'] ?? '');
    const ifMatch = call.header('if-match');
    if (ifMatch !== undefined) checkEtag(ifMatch, twinEtag(device));
    const next = changedTwin(device, readTwin(call.body), apply, timestamp(now()));
    registry.put(hub, next);
    return answer(next);
  }

  return [
    {
      method: 'GET',
      path: '/twins/{id}',
      handle: (call) => answer(viewOf(call, 'twinReads').existing(call.parameters['id'] ?? '').device),
    },
    { method: 'PATCH', path: '/twins/{id}', handle: (call) => change(call, patchTwin) },
    { method: 'PUT', path: '/twins/{id}', handle: (call) => change(call, replaceTwin) },
    {
      method: 'POST',
      path: '/devices/query',
      handle(call) {
        const { hubs } = viewOf(call, 'queries');
        const parsed = z.object({ query: z.string() }).safeParse(call.body);
        if (!parsed.success) throw hubBadRequest('The body must be {"query": "..."}.');
        const { members, where } = compileDeviceQuery(parsed.data.query);
        const query = `${hubs.join(' ')} ${parsed.data.query}`;
        const request = pageRequestOf(call, query, hubBadRequest);
        const page = registry.page(hubs, { ...request, ...(where ? { where } : {}) });
        return {
          status: 200,
          headers: pageHeaders(page, members === undefined ? 'Twin' : 'Raw', request),
          body: page.values.map((device) => showMembers(showTwin(device), members)),
        };
      },
    },
  ];
}

/** A member that the twin does not have is left out. */
function showMembers(twin: Readonly<Record<string, unknown>>, members: readonly string[] | undefined): unknown {
  if (members === undefined) return twin;
  return Object.fromEntries(members.filter((name) => name in twin).map((name) => [name, twin[name]]));
}

function answer(device: HubDevice): Answer {
  return { status: 200, headers: { ETag: `"${twinEtag(device)}"` }, body: showTwin(device) };
}
