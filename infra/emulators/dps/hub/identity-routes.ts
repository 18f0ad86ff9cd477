import type { Answer, Call, Route } from '../http/server.ts';
import type { Settings } from '../options.ts';
import type { Store } from '../store.ts';
import type { DeviceRegistry, FoundDevice, HubView } from './device-registry.ts';
import type { ViewOf } from './hub-access.ts';
import { identityEtag, showIdentity } from './hub-device.ts';
import { hubBadRequest, hubError } from './hub-error.ts';
import { readIdentity } from './identity.ts';
import type { IdentityWriter } from './identity-writer.ts';
import {
  type ApplyLine,
  type ImportMode,
  type LineError,
  lineErrorOf,
  type RegistryLine,
  readLine,
} from './registry-line.ts';

/** https://learn.microsoft.com/rest/api/iothub/service/bulk-registry/update-registry */
const maxBulk = 100;

export interface IdentityRouteParts {
  readonly viewOf: ViewOf;
  readonly registry: DeviceRegistry;
  readonly writer: IdentityWriter;
  readonly applyLine: ApplyLine;
  readonly transaction: Store['transaction'];
  readonly settings: Pick<Settings, 'random'>;
}

type BulkLine = RegistryLine & { readonly importMode: ImportMode };

/** @throws ServiceError 400, 413. Then nothing is done */
function readBulk(body: unknown): BulkLine[] {
  if (!Array.isArray(body) || body.length === 0) throw hubBadRequest('Expected an array of 1 to 100 devices.');
  if (body.length > maxBulk) throw hubError('TooManyDevices', `Expected at most ${maxBulk} devices.`);
  const lines = body.map(readLine).map((line) => {
    if (!line.importMode) throw hubBadRequest(`The device ${line.id} has no importMode.`);
    return { ...line, importMode: line.importMode };
  });
  const twice = lines.find(({ id }, index) => lines.findIndex((other) => other.id === id) < index);
  if (twice) throw hubError('DeviceDefinedMultipleTimes', `The device ${twice.id} occurs twice in the request.`);
  return lines;
}

/** Device identities: https://learn.microsoft.com/rest/api/iothub/service/devices */
export function identityRoutes(parts: IdentityRouteParts): Route[] {
  const { viewOf, registry, writer, applyLine, transaction } = parts;
  const { random } = parts.settings;

  /** Without If-Match the call only creates. With it the call only updates. */
  function put(view: HubView, deviceId: string, body: unknown, ifMatch: string | undefined): FoundDevice {
    const identity = readIdentity(body, random);
    if (identity.deviceId !== deviceId) throw hubBadRequest('deviceId in the body differs from the one in the path.');
    return ifMatch === undefined ? writer.create(view, identity) : writer.update(view, identity, ifMatch);
  }

  /** `addDevices`, `updateDevices` and `removeDevices` of the registry client. */
  function bulk(call: Call): Answer {
    const lines = readBulk(call.body);
    // The throttle of the service counts devices: https://github.com/Azure-Samples/Iot-Telemetry-Simulator/issues/39
    const view = viewOf(call, 'registry', lines.length);
    const errors = transaction(() => lines.flatMap((line) => applied(view, line)));
    return { status: errors.length > 0 ? 400 : 200, body: { isSuccessful: errors.length === 0, errors, warnings: [] } };
  }

  function applied(view: HubView, line: BulkLine): LineError[] {
    try {
      applyLine(view, line, line.importMode);
      return [];
    } catch (error) {
      return [lineErrorOf(line.id, error)];
    }
  }

  return [
    {
      method: 'GET',
      path: '/devices',
      handle(call) {
        // The registry of the service lists at most 1,000 devices and has no pages.
        const top = Math.min(Number(call.query.get('top') ?? 1000) || 1000, 1000);
        const body = viewOf(call, 'registry')
          .hubs.flatMap((hub) => registry.page([hub], { limit: top }).values.map((device) => showIdentity(device, hub)))
          .slice(0, top);
        return { status: 200, body };
      },
    },
    { method: 'POST', path: '/devices', handle: bulk },
    {
      method: 'GET',
      path: '/statistics/devices',
      handle(call) {
        const { hubs } = viewOf(call, 'registry');
        const totalDeviceCount = registry.count(hubs);
        // The status is not indexed: one search of all devices is enough.
        const disabledDeviceCount = registry.count(hubs, 'disabled');
        const enabledDeviceCount = totalDeviceCount - disabledDeviceCount;
        const body = { totalDeviceCount, enabledDeviceCount, disabledDeviceCount };
        return { status: 200, body };
      },
    },
    {
      method: 'GET',
      path: '/statistics/service',
      handle(call) {
        viewOf(call, 'registry');
        // No device can connect to a hub of the emulator.
        return { status: 200, body: { connectedDeviceCount: 0 } };
      },
    },
    {
      method: 'GET',
      path: '/devices/{id}',
      handle: (call) => answer(viewOf(call, 'registry').existing(call.parameters['id'] ?? '')),
    },
    {
      method: 'PUT',
      path: '/devices/{id}',
      handle: (call) =>
        answer(put(viewOf(call, 'registry'), call.parameters['id'] ?? '', call.body, call.header('if-match'))),
    },
    {
      method: 'DELETE',
      path: '/devices/{id}',
      handle(call) {
        writer.remove(viewOf(call, 'registry'), call.parameters['id'] ?? '', call.header('if-match'));
        return { status: 204 };
      },
    },
  ];
}

function answer({ hub, device }: FoundDevice): Answer {
  return { status: 200, headers: { ETag: `"${identityEtag(device)}"` }, body: showIdentity(device, hub) };
}
