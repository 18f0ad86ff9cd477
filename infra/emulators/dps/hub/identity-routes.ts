import { z } from 'zod';
import type { Answer, Call, Route } from '../http/server.ts';
import { ServiceError } from '../http/service-error.ts';
import type { Settings } from '../options.ts';
import type { DeviceRegistry, FoundDevice, HubView } from './device-registry.ts';
import { identityEtag, showIdentity } from './hub-device.ts';
import { hubBadRequest, hubErrorNumber } from './hub-error.ts';
import { readIdentity } from './identity.ts';
import type { IdentityWriter } from './identity-writer.ts';

const bulkSyntax = z
  .array(
    z.looseObject({ id: z.string(), importMode: z.string(), eTag: z.string().nullish(), etag: z.string().nullish() }),
  )
  .min(1)
  .max(100);

export interface IdentityRouteParts {
  readonly viewOf: (call: Call) => HubView;
  readonly registry: DeviceRegistry;
  readonly writer: IdentityWriter;
  readonly settings: Pick<Settings, 'random'>;
}

/** Device identities: https://learn.microsoft.com/rest/api/iothub/service/devices */
export function identityRoutes({ viewOf, registry, writer, settings: { random } }: IdentityRouteParts): Route[] {
  /** Without If-Match the call only creates. With it the call only updates. */
  function put(view: HubView, deviceId: string, body: unknown, ifMatch: string | undefined): FoundDevice {
    const identity = readIdentity(body, random);
    if (identity.deviceId !== deviceId) throw hubBadRequest('deviceId in the body differs from the one in the path.');
    return ifMatch === undefined ? writer.create(view, identity) : writer.update(view, identity, ifMatch);
  }

  /** `addDevices`, `updateDevices` and `removeDevices` of the registry client. */
  function bulk(call: Call): Answer {
    const view = viewOf(call);
    const parsed = bulkSyntax.safeParse(call.body);
    if (!parsed.success) throw hubBadRequest('Expected an array of 1 to 100 devices, each with id and importMode.');
    const errors = parsed.data.flatMap((item) => {
      try {
        const mode = item.importMode.toLowerCase();
        const ifMatch = mode.endsWith('ifmatchetag') ? (item.eTag ?? item.etag ?? '') : '*';
        const body = { ...item, deviceId: item.id };
        if (mode === 'create') put(view, item.id, body, undefined);
        else if (mode.startsWith('update')) put(view, item.id, body, ifMatch);
        else if (mode.startsWith('delete')) writer.remove(view, item.id, ifMatch);
        else throw hubBadRequest(`The import mode "${item.importMode}" is not supported.`);
        return [];
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        return [{ deviceId: item.id, errorCode: hubErrorNumber(error), errorStatus: error.message }];
      }
    });
    return { status: errors.length > 0 ? 400 : 200, body: { isSuccessful: errors.length === 0, errors, warnings: [] } };
  }

  return [
    {
      method: 'GET',
      path: '/devices',
      handle(call) {
        // The registry of the service lists at most 1,000 devices and has no pages.
        const top = Math.min(Number(call.query.get('top') ?? 1000) || 1000, 1000);
        const body = viewOf(call)
          .hubs.flatMap((hub) => registry.page([hub], { limit: top }).values.map((device) => showIdentity(device, hub)))
          .slice(0, top);
        return { status: 200, body };
      },
    },
    { method: 'POST', path: '/devices', handle: bulk },
    {
      method: 'GET',
      path: '/devices/{id}',
      handle: (call) => answer(viewOf(call).existing(call.parameters['id'] ?? '')),
    },
    {
      method: 'PUT',
      path: '/devices/{id}',
      handle: (call) => answer(put(viewOf(call), call.parameters['id'] ?? '', call.body, call.header('if-match'))),
    },
    {
      method: 'DELETE',
      path: '/devices/{id}',
      handle(call) {
        writer.remove(viewOf(call), call.parameters['id'] ?? '', call.header('if-match'));
        return { status: 204 };
      },
    },
  ];
}

function answer({ hub, device }: FoundDevice): Answer {
  return { status: 200, headers: { ETag: `"${identityEtag(device)}"` }, body: showIdentity(device, hub) };
}
