import type { RestApiClient } from 'azure-iot-http-base';
import type { DoorChange } from '../enrollment/door-change.ts';
import type { HubIdentities, HubIdentity } from '../enrollment/hub-identities.ts';
import { FleetError } from '../errors.ts';
import { callingIot, type IotConnection, iotClient, iotStatus, unexpectedAnswer } from './iot.ts';
import { observedIdentity } from './observed-entries.ts';

const apiVersion = '2021-04-12';

/** Attempts to read and write an identity while others change it: a twin or a connection does not, a registration does. */
const maxAttempts = 5;

/** An identity as it is on the wire: everything of it goes back, also what is not named here. */
interface WireIdentity {
  readonly etag: string;
  readonly status: 'enabled' | 'disabled';
  readonly statusReason?: string | null;
}

/**
 * The identity registry through its REST API, and not through `Registry.update` of azure-iothub: that sends `If-Match: *`, so
 * the last writer wins, and fills in a symmetric key where the identity is sent without its credential, which turns a device
 * with a certificate into one with a key (azure-iothub 1.16.5, registry.js).
 * https://learn.microsoft.com/rest/api/iothub/service/devices/create-or-update-identity
 */
export function createHubIdentities(connection: IotConnection): HubIdentities {
  const clients = new Map<string, RegistryClient>();

  function clientOf(hub: string): RegistryClient {
    const known = clients.get(hub);
    if (known !== undefined) return known;
    const client = iotClient(RegistryClient, connection, hub);
    clients.set(hub, client);
    return client;
  }

  async function find(hub: string, deviceId: string): Promise<WireIdentity | undefined> {
    try {
      return await callingIot(`IoT Hub ${hub}`, () => clientOf(hub).get(deviceId));
    } catch (error) {
      if (iotStatus(error) === 404) return undefined;
      throw unexpectedAnswer(`IoT Hub ${hub}`, error);
    }
  }

  /** Changes the status of an identity if `wanted` says so of the version that is written. */
  async function change(
    hub: string,
    deviceId: string,
    { mayWrite }: DoorChange,
    wanted: (found: HubIdentity) => Pick<WireIdentity, 'status' | 'statusReason'> | undefined,
  ): Promise<HubIdentity> {
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const found = await find(hub, deviceId);
      const status = wanted(identityOf(found));
      if (found === undefined || status === undefined || !(await mayWrite())) return identityOf(found);
      try {
        await callingIot(`IoT Hub ${hub}`, () => clientOf(hub).put(deviceId, { ...found, ...status }, found.etag));
        return identityOf(await find(hub, deviceId));
      } catch (error) {
        // 412: changed meanwhile. 404: deleted meanwhile. It is read again.
        if (iotStatus(error) !== 412 && iotStatus(error) !== 404) throw unexpectedAnswer(`IoT Hub ${hub}`, error);
      }
    }
    throw new FleetError('concurrent-change', `Device "${deviceId}" changes in ${hub} faster than it can be written.`);
  }

  return {
    read: async (hub, deviceId) => identityOf(await find(hub, deviceId)),

    async observe(hub, deviceId) {
      const found = await find(hub, deviceId);
      return found === undefined ? null : observedIdentity(found, hub);
    },

    disable: (hub, deviceId, reason, options) =>
      change(hub, deviceId, options, ({ status, statusReason = '' }) => {
        const isLeft = status === 'disabled' && (statusReason === reason || !options.isOwn(statusReason));
        return isLeft ? undefined : { status: 'disabled', statusReason: reason };
      }),

    enable: (hub, deviceId, options) =>
      change(hub, deviceId, options, ({ status, statusReason = '' }) =>
        status === 'disabled' && options.isOwn(statusReason) ? { status: 'enabled', statusReason: '' } : undefined,
      ),
  };
}

function identityOf(found: WireIdentity | undefined): HubIdentity {
  if (found === undefined) return { status: 'absent' };
  const { status, statusReason } = found;
  // The service answers in lower case and takes any.
  const isDisabled = status.toLowerCase() === 'disabled';
  const reason = typeof statusReason === 'string' && statusReason !== '' ? { statusReason } : {};
  return { status: isDisabled ? 'disabled' : 'enabled', ...reason };
}

/** Calls of the registry for one hub. */
class RegistryClient {
  readonly #client: RestApiClient;

  constructor(_config: unknown, client: RestApiClient) {
    this.#client = client;
  }

  get(deviceId: string): Promise<WireIdentity> {
    return this.#call('GET', deviceId);
  }

  /** @param etag of the version that is replaced, without quotes, as the registry answers it */
  async put(deviceId: string, identity: WireIdentity, etag: string): Promise<void> {
    await this.#call('PUT', deviceId, { 'If-Match': `"${etag}"` }, identity);
  }

  #call(method: 'GET' | 'PUT', deviceId: string, headers: object = {}, body?: WireIdentity): Promise<WireIdentity> {
    const path = `/devices/${encodeURIComponent(deviceId)}?api-version=${apiVersion}`;
    const all = { Accept: 'application/json', 'Content-Type': 'application/json; charset=utf-8', ...headers };
    return new Promise((resolve, reject) => {
      this.#client.executeApiCall(method, path, all, body, (error: unknown, identity: unknown) => {
        if (error) reject(error);
        else resolve(identity as WireIdentity);
      });
    });
  }
}
