import { z } from 'zod';
import type { Answer, Call, Route } from '../http/server.ts';
import { ServiceError } from '../http/service-error.ts';
import type { Settings } from '../options.ts';
import { etagMatches, timestamp } from '../record-metadata.ts';
import { type DeviceLookup, type DeviceRegistry, deviceNotFound, hubBadRequest } from './device-registry.ts';
import { type HubAuthentication, type HubDevice, identityEtag, showIdentity } from './hub-device.ts';

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-identity-registry: ids are up to 128 ASCII characters without spaces. */
const deviceIdSyntax = /^[A-Za-z0-9\-.+%_#*?!(),:=@$']{1,128}$/;

const keys = z.object({ primaryKey: z.string().nullish(), secondaryKey: z.string().nullish() });
const thumbprints = z.object({ primaryThumbprint: z.string().nullish(), secondaryThumbprint: z.string().nullish() });
const identitySyntax = z.object({
  deviceId: z.string().regex(deviceIdSyntax),
  status: z.enum(['enabled', 'disabled']).nullish(),
  statusReason: z.string().max(128).nullish(),
  authentication: z
    .object({
      type: z.enum(['sas', 'selfSigned', 'certificateAuthority', 'none']).nullish(),
      symmetricKey: keys.nullish(),
      x509Thumbprint: thumbprints.nullish(),
    })
    .nullish(),
  capabilities: z.object({ iotEdge: z.boolean().nullish() }).nullish(),
});
type IdentityInput = z.output<typeof identitySyntax>;

const bulkSyntax = z
  .array(
    z.looseObject({ id: z.string(), importMode: z.string(), eTag: z.string().nullish(), etag: z.string().nullish() }),
  )
  .min(1)
  .max(100);

export interface IdentityRouteParts {
  readonly lookup: DeviceLookup;
  readonly registry: DeviceRegistry;
  readonly settings: Pick<Settings, 'now' | 'random'>;
}

/** Device identities: https://learn.microsoft.com/rest/api/iothub/service/devices */
export function identityRoutes({ lookup, registry, settings: { now, random } }: IdentityRouteParts): Route[] {
  function put(call: Call, deviceId: string, body: unknown, ifMatch: string | undefined): Answer {
    const parsed = identitySyntax.safeParse(body);
    if (!parsed.success || parsed.data.deviceId !== deviceId) throw hubBadRequest('The device identity is not valid.');
    const found = lookup.find(call, deviceId);
    if (!found) {
      if (ifMatch !== undefined) throw deviceNotFound(deviceId);
      const hub = lookup.home(call);
      const device = registry.create(hub, {
        deviceId,
        authentication: authenticationOf(parsed.data, undefined),
        iotEdge: parsed.data.capabilities?.iotEdge ?? false,
        status: parsed.data.status ?? 'enabled',
        statusReason: parsed.data.statusReason ?? null,
      });
      return { status: 200, body: showIdentity(device, hub) };
    }
    if (ifMatch === undefined) {
      throw new ServiceError(409, 'DeviceAlreadyExists', `A device with ID '${deviceId}' is already registered.`);
    }
    checkEtag(found.device, ifMatch);
    const device = updated(found.device, parsed.data);
    registry.put(found.hub, device);
    return { status: 200, body: showIdentity(device, found.hub) };
  }

  function updated(device: HubDevice, input: IdentityInput): HubDevice {
    const status = input.status ?? device.status;
    return {
      ...device,
      status,
      statusReason: input.statusReason ?? null,
      statusUpdatedTime: status === device.status ? device.statusUpdatedTime : timestamp(now()),
      authentication: authenticationOf(input, device.authentication),
      iotEdge: input.capabilities?.iotEdge ?? device.iotEdge,
      identityVersion: device.identityVersion + 1,
    };
  }

  /** Generates missing or empty keys of a `sas` device, as the registry of the service does. */
  function authenticationOf(
    { authentication }: IdentityInput,
    before: HubAuthentication | undefined,
  ): HubAuthentication {
    const type =
      authentication?.type ??
      before?.type ??
      (authentication?.x509Thumbprint?.primaryThumbprint ? 'selfSigned' : 'sas');
    const key = () => random(32).toString('base64');
    const { primaryKey, secondaryKey } = authentication?.symmetricKey ?? before?.symmetricKey ?? {};
    const { primaryThumbprint, secondaryThumbprint } = authentication?.x509Thumbprint ?? before?.x509Thumbprint ?? {};
    return {
      type,
      symmetricKey:
        type === 'sas'
          ? { primaryKey: primaryKey || key(), secondaryKey: secondaryKey || key() }
          : { primaryKey: null, secondaryKey: null },
      x509Thumbprint: {
        primaryThumbprint: primaryThumbprint || null,
        secondaryThumbprint: secondaryThumbprint || null,
      },
    };
  }

  function remove(call: Call, deviceId: string, ifMatch: string | undefined): void {
    const { hub, device } = lookup.existing(call, deviceId);
    if (ifMatch !== undefined) checkEtag(device, ifMatch);
    registry.delete(hub, deviceId);
  }

  /** `addDevices`, `updateDevices` and `removeDevices` of the registry client. */
  function bulk(call: Call): Answer {
    const parsed = bulkSyntax.safeParse(call.body);
    if (!parsed.success) throw hubBadRequest('Expected an array of 1 to 100 devices, each with id and importMode.');
    const errors = parsed.data.flatMap((item) => {
      try {
        const mode = item.importMode.toLowerCase();
        const ifMatch = mode.endsWith('ifmatchetag') ? (item.eTag ?? item.etag ?? '') : '*';
        const body = { ...item, deviceId: item.id };
        if (mode === 'create') put(call, item.id, body, undefined);
        else if (mode.startsWith('update')) put(call, item.id, body, ifMatch);
        else if (mode.startsWith('delete')) remove(call, item.id, ifMatch);
        else throw hubBadRequest(`The import mode "${item.importMode}" is not supported.`);
        return [];
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        return [{ deviceId: item.id, errorCode: error.code, errorStatus: error.message }];
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
        const body = lookup
          .hubs(call)
          .flatMap((hub) => registry.page([hub], { limit: top }).values.map((device) => showIdentity(device, hub)))
          .slice(0, top);
        return { status: 200, body };
      },
    },
    { method: 'POST', path: '/devices', handle: bulk },
    {
      method: 'GET',
      path: '/devices/{id}',
      handle(call) {
        const { hub, device } = lookup.existing(call, call.parameters['id'] ?? '');
        return { status: 200, headers: { ETag: `"${identityEtag(device)}"` }, body: showIdentity(device, hub) };
      },
    },
    {
      method: 'PUT',
      path: '/devices/{id}',
      handle: (call) => put(call, call.parameters['id'] ?? '', call.body, call.header('if-match')),
    },
    {
      method: 'DELETE',
      path: '/devices/{id}',
      handle(call) {
        remove(call, call.parameters['id'] ?? '', call.header('if-match'));
        return { status: 204 };
      },
    },
  ];
}

function checkEtag(device: HubDevice, ifMatch: string): void {
  if (!etagMatches(ifMatch, identityEtag(device))) {
    throw new ServiceError(412, 'PreconditionFailed', 'The device has another etag.');
  }
}
