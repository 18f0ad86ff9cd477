import type { Call } from '../http/router.ts';
import type { LinkedHub } from '../options.ts';
import type { DeviceRegistry } from './device-registry.ts';
import type { HubDevice } from './hub-device.ts';
import { deviceNotFound } from './hub-errors.ts';

export interface FoundDevice {
  readonly hub: string;
  readonly device: HubDevice;
}

/** Finds devices in the hubs that a call is for and may enter. */
export interface DeviceLookup {
  hubs(call: Call): readonly string[];
  /** Where a new device goes: the hub that was named, or the first. */
  home(call: Call): string;
  find(call: Call, deviceId: string): FoundDevice | undefined;
  /** Throws 404 DeviceNotFound. */
  existing(call: Call, deviceId: string): FoundDevice;
}

export function createDeviceLookup({
  authorize,
  registry,
}: {
  authorize: (call: Call) => readonly LinkedHub[];
  registry: DeviceRegistry;
}): DeviceLookup {
  const hubs = (call: Call) => authorize(call).map((hub) => hub.hostName);

  function find(call: Call, deviceId: string): FoundDevice | undefined {
    for (const hub of hubs(call)) {
      const device = registry.get(hub, deviceId);
      if (device) return { hub, device };
    }
    return undefined;
  }

  return {
    hubs,
    find,
    home: (call) => hubs(call)[0] ?? '',
    existing(call, deviceId) {
      const found = find(call, deviceId);
      if (!found) throw deviceNotFound(deviceId);
      return found;
    },
  };
}
