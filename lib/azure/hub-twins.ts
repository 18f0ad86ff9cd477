import type { Registry } from 'azure-iothub';
import type { HubTwins } from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import { callingIot, type IotConnection, iotClient, iotStatus } from './iot.ts';

/** Twins at the hubs that devices are assigned to, through azure-iothub. One client per hub, kept for the process. */
export function createHubTwins(connection: IotConnection): HubTwins {
  const registries = new Map<string, Registry>();

  async function registryOf(hub: string): Promise<Registry> {
    const known = registries.get(hub);
    if (known !== undefined) return known;
    // Loaded on first use: with its AMQP client it is a fifth of all code, and only one function needs it.
    const { default: iothub } = await import('azure-iothub');
    const registry = iotClient(iothub.Registry, connection, hub);
    registries.set(hub, registry);
    return registry;
  }

  return {
    async merge(hub, deviceId, { tags, desired }) {
      const patch = { tags, properties: { desired } };
      try {
        // "*" matches any version: whatever the twin is now, these members become what the manifest says.
        const registry = await registryOf(hub);
        await callingIot(`IoT Hub ${hub}`, () => registry.updateTwin(deviceId, patch, '*'));
      } catch (error) {
        if (iotStatus(error) !== 404) throw error;
        throw new FleetError('not-found', `IoT hub ${hub} has no device "${deviceId}".`, { cause: error });
      }
    },

    async remove(hub, deviceId, thumbprints) {
      const registry = await registryOf(hub);
      try {
        const { responseBody } = await callingIot(`IoT Hub ${hub}`, () => registry.get(deviceId));
        const held = responseBody.authentication?.x509Thumbprint?.primaryThumbprint;
        if (held === undefined || held === null || !thumbprints.includes(held.toUpperCase())) return 'other';
        // The SDK deletes any version ("*"). DPS, which could write the identity again, is closed by then.
        await callingIot(`IoT Hub ${hub}`, () => registry.delete(deviceId));
        return 'removed';
      } catch (error) {
        if (iotStatus(error) === 404) return 'absent';
        throw error;
      }
    },
  };
}
