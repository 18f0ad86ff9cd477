import type { RestApiClient } from 'azure-iot-http-base';
import { ProvisioningServiceClient } from 'azure-iot-provisioning-service';
import type { FleetReader } from '../enrollment/observed.ts';
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
  const hubs = new Map<string, HubQueryClient>();

  function hubClient(hub: string): HubQueryClient {
    const known = hubs.get(hub);
    if (known !== undefined) return known;
    const client = iotClient(HubQueryClient, connections.hub, hub);
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
      const { items, next } = await callingIot(`IoT Hub ${hub}`, () => hubClient(hub).devices(continuation));
      return pageOf(
        items.map((twin) => observedIdentity(identityIn(twin), hub)),
        next,
      );
    },
  };
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
 * Queries of one hub through the REST API: the promise form of `Query.next` of azure-iothub loses the continuation (1.16.5).
 * https://learn.microsoft.com/rest/api/iothub/service/query/get-twins
 */
class HubQueryClient {
  readonly #client: RestApiClient;

  constructor(_config: unknown, client: RestApiClient) {
    this.#client = client;
  }

  devices(continuation: string | undefined): Promise<{ items: readonly TwinOnWire[]; next: string | undefined }> {
    const headers = {
      Accept: 'application/json',
      'Content-Type': 'application/json; charset=utf-8',
      'x-ms-max-item-count': String(pageSize),
      ...(continuation !== undefined && { 'x-ms-continuation': continuation }),
    };
    const path = `/devices/query?api-version=${apiVersion}`;
    return new Promise((resolve, reject) => {
      const answer = (error: unknown, body: unknown, response?: { headers?: Record<string, string | undefined> }) => {
        if (error) reject(error);
        else resolve({ items: body as readonly TwinOnWire[], next: response?.headers?.['x-ms-continuation'] });
      };
      this.#client.executeApiCall('POST', path, headers, { query: 'SELECT * FROM devices' }, answer as never);
    });
  }
}
