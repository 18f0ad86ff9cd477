import type { RestApiClient } from 'azure-iot-http-base';
import { ProvisioningServiceClient } from 'azure-iot-provisioning-service';
import type { FleetReader, ObservedIdentity } from '../enrollment/observed.ts';
import type { Page } from '../storage.ts';
import { type DpsRegistration, toRegistration, unlessMissing } from './dps.ts';
import { callingIot, type IotConnection, iotClient } from './iot.ts';
import { type DpsEntryOnWire, type HubIdentityOnWire, observedEntry, observedIdentity } from './observed-entries.ts';

/** The largest page of DPS and of a hub (x-ms-max-item-count). */
const pageSize = 100;
const everything = { query: 'SELECT *' };

/** DPS and IoT Hub as a sweep reads them. */
export function createFleetReader(connections: { dps: IotConnection; hub: IotConnection }): FleetReader {
  const dps = iotClient(ProvisioningServiceClient, connections.dps);
  const hubs = new Map<string, HubReadClient>();

  function hubClient(hub: string): HubReadClient {
    const known = hubs.get(hub);
    if (known !== undefined) return known;
    const client = iotClient(HubReadClient, connections.hub, hub);
    hubs.set(hub, client);
    return client;
  }

  return {
    groups: (continuation) =>
      dpsPage(dps.createEnrollmentGroupQuery(everything, pageSize), continuation, (item) =>
        observedEntry(item as DpsEntryOnWire),
      ),

    enrollments: (continuation) =>
      dpsPage(dps.createIndividualEnrollmentQuery(everything, pageSize), continuation, (item) =>
        observedEntry(item as DpsEntryOnWire),
      ),

    registrations: (group, continuation) =>
      dpsPage(
        dps.createEnrollmentGroupDeviceRegistrationStateQuery(everything, group, pageSize),
        continuation,
        (item) => toRegistration(item as DpsRegistration),
      ),

    async identities(hub, continuation) {
      const { items, next } = await callingIot(`IoT Hub ${hub}`, () => hubClient(hub).query('', continuation));
      return pageOf(observedAt(hub, items), next);
    },

    async identitiesOf(hub, deviceIds) {
      if (deviceIds.length === 0) return [];
      const names = deviceIds.map((id) => `'${id.replaceAll("'", "''")}'`).join(',');
      const found: ObservedIdentity[] = [];
      let continuation: string | undefined;
      do {
        const where = ` WHERE deviceId IN [${names}]`;
        const { items, next } = await callingIot(`IoT Hub ${hub}`, () => hubClient(hub).query(where, continuation));
        found.push(...observedAt(hub, items));
        continuation = next;
      } while (continuation !== undefined);
      return found;
    },

    countIdentities: (hub) => callingIot(`IoT Hub ${hub}`, () => hubClient(hub).count()),
  };
}

function observedAt(hub: string, twins: readonly TwinOnWire[]): ObservedIdentity[] {
  return twins.map((twin) => observedIdentity(identityIn(twin), hub));
}

type Query = ReturnType<ProvisioningServiceClient['createIndividualEnrollmentQuery']>;

/** Without the token as an argument, the promise form of next() returns the first page again and again. */
async function dpsPage<T>(
  query: Query,
  continuation: string | undefined,
  read: (item: unknown) => T,
): Promise<Page<T>> {
  const items = await unlessMissing(() => query.next(continuation as string));
  if (items === undefined) return { items: [] };
  return pageOf((items as unknown as readonly unknown[]).map(read), query.continuationToken);
}

function pageOf<T>(items: readonly T[], next: string | null | undefined): Page<T> {
  return next === undefined || next === null || next === '' ? { items } : { items, continuation: next };
}

/** A twin as a query answers it: the registry's members, flat. */
interface TwinOnWire extends Omit<HubIdentityOnWire, 'authentication' | 'etag'> {
  readonly deviceEtag?: string;
  readonly authenticationType?: string;
  readonly x509Thumbprint?: NonNullable<HubIdentityOnWire['authentication']>['x509Thumbprint'];
}

function identityIn({ authenticationType, x509Thumbprint, deviceEtag, ...twin }: TwinOnWire): HubIdentityOnWire {
  return {
    ...twin,
    ...(deviceEtag !== undefined && { etag: deviceEtag }),
    authentication: { type: authenticationType, x509Thumbprint },
  };
}

const apiVersion = '2021-04-12';

/**
 * What is compared, and no more: query results are billed by their size, and reported properties are the devices' own.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-pricing
 */
const selected = 'deviceId, status, statusReason, authenticationType, x509Thumbprint, deviceEtag, tags';

interface Answer<Body> {
  readonly body: Body;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/**
 * Queries and counts of one hub through the REST API: the promise form of `Query.next` of azure-iothub loses the continuation
 * (1.16.5).
 * https://learn.microsoft.com/rest/api/iothub/service/query/get-twins
 */
class HubReadClient {
  readonly #client: RestApiClient;

  constructor(_config: unknown, client: RestApiClient) {
    this.#client = client;
  }

  /** @param where a condition that begins with ` WHERE `; empty for all devices */
  async query(
    where: string,
    continuation: string | undefined,
  ): Promise<{ readonly items: readonly TwinOnWire[]; readonly next: string | undefined }> {
    const headers = {
      'x-ms-max-item-count': String(pageSize),
      ...(continuation !== undefined && { 'x-ms-continuation': continuation }),
    };
    const query = `SELECT ${selected} FROM devices${where}`;
    const answer = await this.#call<readonly TwinOnWire[]>('POST', '/devices/query', headers, { query });
    return { items: answer.body, next: answer.headers['x-ms-continuation'] || undefined };
  }

  /** https://learn.microsoft.com/rest/api/iothub/service/statistics/get-device-statistics */
  async count(): Promise<number> {
    const { body } = await this.#call<{ readonly totalDeviceCount: number }>('GET', '/statistics/devices', {});
    return body.totalDeviceCount;
  }

  #call<Body>(method: 'GET' | 'POST', path: string, headers: object, body?: object): Promise<Answer<Body>> {
    const all = { Accept: 'application/json', 'Content-Type': 'application/json; charset=utf-8', ...headers };
    return new Promise((resolve, reject) => {
      const done = (error: unknown, answer: unknown, response?: { headers?: Answer<Body>['headers'] }) => {
        if (error) reject(error);
        else resolve({ body: answer as Body, headers: response?.headers ?? {} });
      };
      const versioned = `${path}?api-version=${apiVersion}`;
      this.#client.executeApiCall(method, versioned, all, body, done as never);
    });
  }
}
