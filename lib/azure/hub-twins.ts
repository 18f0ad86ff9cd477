import iothub, { type Registry } from 'azure-iothub';
import type { HubTwins } from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import { type IotConnection, iotClient } from './iot-connection.ts';
import { callingIot, iotStatus } from './iot-errors.ts';

/** Twins at whichever hub a device was assigned to, through azure-iothub. One client a hub, kept. */
export function createHubTwins(connection: IotConnection): HubTwins {
  const registries = new Map<string, Registry>();

  function registryOf(hub: string): Registry {
    const known = registries.get(hub);
    if (known !== undefined) return known;
    const registry = iotClient(iothub.Registry, connection, hub);
    registries.set(hub, registry);
    return registry;
  }

  return {
    async merge(hub, deviceId, { tags, desired }) {
      const patch = { tags, properties: { desired } };
      try {
        // "*": whatever the twin is by now, these members are to be as the manifest says.
        await callingIot(`IoT Hub ${hub}`, () => registryOf(hub).updateTwin(deviceId, patch, '*'));
      } catch (error) {
        if (iotStatus(error) !== 404) throw error;
        throw new FleetError('not-found', `Hub ${hub} has no device ${deviceId}.`, {}, { cause: error });
      }
    },
  };
}
