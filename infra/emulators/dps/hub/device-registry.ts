import type { InitialTwin } from '../entries/entry.ts';
import type { Settings } from '../options.ts';
import { timestamp } from '../record-metadata.ts';
import type { DeviceCredential } from '../registrations/registration.ts';
import type { Page, PageRequest, Store } from '../store.ts';
import type { DeviceEvent } from './device-event.ts';
import { authenticationFor, type HubAuthentication, type HubDevice, never, newSection } from './hub-device.ts';
import { deviceNotFound } from './hub-error.ts';

/** The device registries of all linked hubs. Hubs are identified by host name. */
export interface DeviceRegistry {
  readonly hubs: readonly string[];
  get(hub: string, deviceId: string): HubDevice | undefined;
  put(hub: string, device: HubDevice): void;
  delete(hub: string, deviceId: string): boolean;
  /** Devices of the hubs in the order of creation. */
  page(hubs: readonly string[], request: PageRequest): Page<HubDevice>;
  /** Number of devices, optionally of those with one status. */
  count(hubs: readonly string[], status?: HubDevice['status']): number;
  create(hub: string, device: NewDevice): HubDevice;
  /** Takes over a device with its twin from another hub. */
  add(hub: string, device: HubDevice): void;
}

export interface NewDevice {
  readonly deviceId: string;
  readonly authentication: HubAuthentication;
  readonly iotEdge?: boolean;
  readonly parentScope?: string | undefined;
  readonly status?: HubDevice['status'];
  readonly statusReason?: string | null;
  readonly initialTwin?: InitialTwin;
}

/** Called in the transaction of the change. */
export type Announce = (type: DeviceEvent['type'], hub: string, deviceId: string) => void;

export function createDeviceRegistry(
  store: Store,
  { hubs, now, random }: Pick<Settings, 'hubs' | 'now' | 'random'>,
  announce: Announce,
): DeviceRegistry {
  // A hub that is no longer linked keeps its devices until it is linked again.
  const nameOf = (hub: string) => `hub:${hub.toLowerCase()}`;
  const of = (hub: string) => store.collection<HubDevice>(nameOf(hub));

  function add(hub: string, device: HubDevice): void {
    store.transaction(() => {
      if (!of(hub).get(device.deviceId)) announce('Microsoft.Devices.DeviceCreated', hub, device.deviceId);
      of(hub).put(device.deviceId, device);
    });
  }

  return {
    hubs: hubs.map((hub) => hub.hostName),
    get: (hub, deviceId) => of(hub).get(deviceId),
    put: (hub, device) => of(hub).put(device.deviceId, device),
    delete: (hub, deviceId) =>
      store.transaction(() => {
        const isDeleted = of(hub).delete(deviceId);
        if (isDeleted) announce('Microsoft.Devices.DeviceDeleted', hub, deviceId);
        return isDeleted;
      }),
    add,
    page: (hubNames, request) => store.pageOf<HubDevice>(hubNames.map(nameOf), request),
    count: (hubNames, status) =>
      store.countOf(hubNames.map(nameOf), status && { sql: "json_extract(body, '$.status') = ?", values: [status] }),
    create(
      hub,
      {
        deviceId,
        authentication,
        iotEdge = false,
        parentScope,
        status = 'enabled',
        statusReason = null,
        initialTwin = {},
      },
    ) {
      const time = timestamp(now());
      const device: HubDevice = {
        deviceId,
        // 18 digits, as in the service.
        generationId: `${now().getTime()}${(random(4).readUInt32BE() % 100_000).toString().padStart(5, '0')}`,
        status,
        statusReason,
        statusUpdatedTime: never,
        authentication,
        iotEdge,
        ...(parentScope === undefined ? {} : { parentScope }),
        identityVersion: 1,
        twinVersion: 1,
        tags: initialTwin.tags ?? {},
        desired: newSection(initialTwin.properties?.desired ?? {}, time),
        reported: newSection({}, time),
      };
      add(hub, device);
      return device;
    },
  };
}

/** Replaces the credential of a device and keeps its twin. */
export function withCredential(device: HubDevice, credential: DeviceCredential): HubDevice {
  return {
    ...device,
    authentication: authenticationFor(credential),
    identityVersion: device.identityVersion + 1,
  };
}

export interface FoundDevice {
  readonly hub: string;
  readonly device: HubDevice;
}

/** The hubs that a caller may access, as one registry. */
export interface HubView {
  readonly hubs: readonly string[];
  /** The hub of a new device: the named hub, or the first one. */
  readonly home: string;
  find(deviceId: string): FoundDevice | undefined;
  /** @throws ServiceError 404 DeviceNotFound */
  existing(deviceId: string): FoundDevice;
}

export function createHubView(registry: DeviceRegistry, hubs: readonly string[]): HubView {
  function find(deviceId: string): FoundDevice | undefined {
    for (const hub of hubs) {
      const device = registry.get(hub, deviceId);
      if (device) return { hub, device };
    }
    return undefined;
  }

  return {
    hubs,
    home: hubs[0] ?? '',
    find,
    existing(deviceId) {
      const found = find(deviceId);
      if (!found) throw deviceNotFound(deviceId);
      return found;
    },
  };
}
