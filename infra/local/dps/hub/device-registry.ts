import type { InitialTwin } from '../entries/entry.ts';
import type { Settings } from '../options.ts';
import type { DeviceCredential } from '../registrations/registration.ts';
import type { Collection, Page, PageRequest, Store } from '../store.ts';
import { timestamp } from '../timestamp.ts';
import { authenticationFor, type HubAuthentication, type HubDevice, never } from './hub-device.ts';
import { newSection } from './twin-section.ts';

/** The device registries of all linked hubs, by host name. */
export interface DeviceRegistry {
  readonly hubs: readonly string[];
  get(hub: string, deviceId: string): HubDevice | undefined;
  put(hub: string, device: HubDevice): void;
  delete(hub: string, deviceId: string): boolean;
  page(hub: string, request: PageRequest): Page<HubDevice>;
  create(hub: string, device: NewDevice): HubDevice;
}

export interface NewDevice {
  readonly deviceId: string;
  readonly authentication: HubAuthentication;
  readonly iotEdge?: boolean;
  readonly status?: HubDevice['status'];
  readonly statusReason?: string | null;
  readonly initialTwin?: InitialTwin;
}

export function createDeviceRegistry(
  store: Store,
  { hubs, now, random }: Pick<Settings, 'hubs' | 'now' | 'random'>,
): DeviceRegistry {
  const collections = new Map<string, Collection<HubDevice>>(
    hubs.map(({ hostName }) => [hostName.toLowerCase(), store.collection(`hub:${hostName.toLowerCase()}`)]),
  );
  // A hub that is no longer linked keeps its devices; they are reached again when it is linked again.
  const of = (hub: string) => collections.get(hub.toLowerCase()) ?? store.collection<HubDevice>(`hub:${hub.toLowerCase()}`);

  return {
    hubs: hubs.map((hub) => hub.hostName),
    get: (hub, deviceId) => of(hub).get(deviceId),
    put: (hub, device) => of(hub).put(device.deviceId, device),
    delete: (hub, deviceId) => of(hub).delete(deviceId),
    page: (hub, request) => of(hub).page(request),
    create(hub, { deviceId, authentication, iotEdge = false, status = 'enabled', statusReason = null, initialTwin = {} }) {
      const time = timestamp(now());
      const device: HubDevice = {
        deviceId,
        // Eighteen digits, as the real ones have.
        generationId: `${now().getTime()}${(random(4).readUInt32BE() % 100_000).toString().padStart(5, '0')}`,
        status,
        statusReason,
        statusUpdatedTime: never,
        authentication,
        iotEdge,
        identityVersion: 1,
        twinVersion: 1,
        tags: initialTwin.tags ?? {},
        desired: newSection(initialTwin.properties?.desired ?? {}, time),
        reported: newSection({}, time),
      };
      of(hub).put(deviceId, device);
      return device;
    },
  };
}

/** A known device with the credential it attested with last; its twin stays. */
export function withCredential(device: HubDevice, credential: DeviceCredential): HubDevice {
  return {
    ...device,
    authentication: authenticationFor(credential),
    identityVersion: device.identityVersion + 1,
  };
}
