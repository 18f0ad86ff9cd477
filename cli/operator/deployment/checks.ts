import type { Check } from '../../doctor-check.ts';
import type { ResourceManager } from '../resource-manager.ts';
import { appChecks } from './apps.ts';
import { eventChecks } from './events.ts';
import { type Inventory, readInventory } from './inventory.ts';
import { providerChecks } from './providers.ts';
import { provisioningChecks } from './provisioning.ts';
import { roleChecks } from './roles.ts';

/** The parts of a deployment that Azure Resource Manager shows, by what they are called where one cannot be read. */
const parts: Readonly<Record<string, (inventory: Inventory, now: Date) => AsyncGenerator<Check>>> = {
  providers: providerChecks,
  roles: roleChecks,
  'event subscriptions': eventChecks,
  apps: appChecks,
  'DPS and hubs': provisioningChecks,
};

const fix =
  'Give the resource id of the resource group, and sign in with az login as a user with the role Reader on it.';

/**
 * Looks at a deployment from outside, with the rights of the operator. A part that cannot be read is reported as a fault.
 * @param group resource id of the resource group
 */
export async function* deploymentChecks(manager: ResourceManager, group: string, now: Date): AsyncGenerator<Check> {
  let inventory: Inventory;
  try {
    inventory = await readInventory(manager, group);
  } catch (error) {
    return yield { name: 'deployment', state: 'FAULT', found: firstLine(error), fix };
  }
  for (const [name, checks] of Object.entries(parts)) {
    try {
      yield* checks(inventory, now);
    } catch (error) {
      yield { name, state: 'FAULT', found: firstLine(error), fix };
    }
  }
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n')[0]?.slice(0, 300) ?? '';
}
