import iothub, { type Registry } from 'azure-iothub';
import { iotClient } from '../../../lib/azure/iot.ts';

export interface HubTwin {
  readonly tags: Record<string, unknown>;
  /** Without `$metadata` and `$version`. */
  readonly desired: Record<string, unknown>;
  /** SHA-1 or SHA-256 of the device certificate, as the hub has it. */
  readonly thumbprint?: string;
}

/** @returns a function that reads the twin of a device from a hub, with azure-iothub */
export function createHubTwinReader(connectionString: string): (hub: string, deviceId: string) => Promise<HubTwin> {
  const registries = new Map<string, Registry>();
  return async (hub, deviceId) => {
    const registry = registries.get(hub) ?? iotClient(iothub.Registry, { connectionString }, hub);
    registries.set(hub, registry);
    const { responseBody } = await registry.getTwin(deviceId);
    const twin = responseBody as unknown as {
      tags?: Record<string, unknown>;
      properties: { desired: Record<string, unknown> };
      x509Thumbprint?: { primaryThumbprint?: string };
    };
    const desired = Object.fromEntries(
      Object.entries(twin.properties.desired).filter(([name]) => !name.startsWith('$')),
    );
    return { tags: twin.tags ?? {}, desired, thumbprint: twin.x509Thumbprint?.primaryThumbprint };
  };
}
