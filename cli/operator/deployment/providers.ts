import type { Check } from '../../doctor-check.ts';
import type { Inventory } from './inventory.ts';

/** Whether the subscription has registered the providers of the resources. An unregistered one fails the next deployment. */
export async function* providerChecks({ manager, subscription, resources, ofType }: Inventory): AsyncGenerator<Check> {
  const namespaces = new Map(resources.map(({ type }) => [namespaceOf(type).toLowerCase(), namespaceOf(type)]));
  // The subnet of a Flex Consumption app is delegated to this provider, of which the group has no resource.
  // https://learn.microsoft.com/azure/azure-functions/flex-consumption-how-to#enable-virtual-network-integration
  if (ofType('Microsoft.Network/virtualNetworks').length > 0) namespaces.set('microsoft.app', 'Microsoft.App');
  const missing: string[] = [];
  for (const namespace of [...namespaces.values()].sort()) {
    const provider = await manager.get<{ registrationState?: string }>(
      `${subscription}/providers/${namespace}`,
      '2021-04-01',
    );
    if (provider?.registrationState === 'Registered') continue;
    missing.push(namespace);
    const found = `${namespace} is ${provider?.registrationState ?? 'unknown'}`;
    yield { name: 'provider', state: 'FAULT', found, fix: `Run az provider register --namespace ${namespace} --wait.` };
  }
  if (missing.length === 0) yield { name: 'providers', state: 'ok', found: `${namespaces.size} registered` };
}

function namespaceOf(type: string): string {
  return type.split('/')[0] ?? '';
}
