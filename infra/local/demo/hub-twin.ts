import iothub, { type Registry } from 'azure-iothub';
import { iotClient } from '../../../lib/azure/iot.ts';

export interface HubTwin {
  readonly tags: Record<string, unknown>;
  /** Without `$metadata` and `$version`. */
  readonly desired: Record<string, unknown>;
  /** SHA-1 or SHA-256 of the device certificate, as the hub has it. */
  readonly thumbprint?: string;
}

interface TwinOnWire {
  readonly deviceId: string;
  readonly tags?: Record<string, unknown>;
  readonly properties: { readonly desired: Record<string, unknown> };
  readonly x509Thumbprint?: { readonly primaryThumbprint?: string };
}

/** @returns a function that reads the twin of a device from a hub, with azure-iothub */
export function createHubTwinReader(connectionString: string): (hub: string, deviceId: string) => Promise<HubTwin> {
  const registryOf = registries(connectionString);
  return async (hub, deviceId) => {
    const { responseBody } = await registryOf(hub).getTwin(deviceId);
    return twinIn(responseBody as unknown as TwinOnWire);
  };
}

/** Devices per query. */
const queriedAtOnce = 100;

/** Reads the twins of many devices of a hub by queries. @returns those that the hub has, by device id */
export async function queryHubTwins(
  connectionString: string,
  hub: string,
  deviceIds: readonly string[],
): Promise<ReadonlyMap<string, HubTwin>> {
  const registry = registries(connectionString)(hub);
  const twins = new Map<string, HubTwin>();
  for (let start = 0; start < deviceIds.length; start += queriedAtOnce) {
    const ids = deviceIds.slice(start, start + queriedAtOnce).map((id) => `'${id.replaceAll("'", "''")}'`);
    const query = registry.createQuery(`SELECT * FROM devices WHERE deviceId IN [${ids.join(', ')}]`, queriedAtOnce);
    const { result } = await query.next();
    for (const twin of result as readonly TwinOnWire[]) twins.set(twin.deviceId, twinIn(twin));
  }
  return twins;
}

function registries(connectionString: string): (hub: string) => Registry {
  const known = new Map<string, Registry>();
  return (hub) => {
    const registry = known.get(hub) ?? iotClient(iothub.Registry, { connectionString }, hub);
    known.set(hub, registry);
    return registry;
  };
}

function twinIn({ tags = {}, properties, x509Thumbprint }: TwinOnWire): HubTwin {
  const desired = Object.fromEntries(Object.entries(properties.desired).filter(([name]) => !name.startsWith('$')));
  return { tags, desired, thumbprint: x509Thumbprint?.primaryThumbprint };
}
