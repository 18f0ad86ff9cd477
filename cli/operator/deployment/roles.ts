import type { Check } from '../../doctor-check.ts';
import { duration, plural } from '../../text.ts';
import { type Inventory, principalsOf, type ResourceIdentity } from './inventory.ts';

/**
 * Seconds that a role can take until every service obeys it.
 * https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
 */
const propagationSeconds = 600;

const provision = 'Run azd provision: it makes the roles that are missing.';

/** Whether each identity of the group has its roles, and whether they are old enough to hold everywhere. */
export async function* roleChecks(inventory: Inventory, now: Date): AsyncGenerator<Check> {
  for (const { id, name } of inventory.ofType('Microsoft.ManagedIdentity/userAssignedIdentities')) {
    const found = await inventory.manager.get<{ properties?: { principalId?: string } }>(id, '2023-01-31');
    yield roleCheck(inventory, `roles of ${name}`, found?.properties?.principalId ?? '', now);
  }
  yield* dataRoleChecks(inventory);
}

function roleCheck({ assignments }: Inventory, name: string, principalId: string, now: Date): Check {
  const own = assignments.filter((each) => each.principalId.toLowerCase() === principalId.toLowerCase());
  if (own.length === 0) return { name, state: 'FAULT', found: 'none', fix: provision };
  const scopes = new Set(own.map(({ scope }) => scope.toLowerCase()));
  const times = own.map(({ createdOn = '' }) => Date.parse(createdOn)).filter((time) => !Number.isNaN(time));
  const found = `${plural(own.length, 'role')} on ${plural(scopes.size, 'resource')}`;
  if (times.length === 0) return { name, state: 'ok', found };
  const age = Math.max(0, (now.getTime() - Math.max(...times)) / 1000);
  const latest = `${found}, the latest given ${duration(age)} ago`;
  if (age >= propagationSeconds) return { name, state: 'ok', found: latest };
  const fix = `A role can take ${propagationSeconds / 60} minutes to hold everywhere. Wait, and run this again.`;
  return { name, state: 'warning', found: latest, fix };
}

/** Cosmos DB keeps its data roles itself. Each app needs some. */
async function* dataRoleChecks({ manager, ofType }: Inventory): AsyncGenerator<Check> {
  for (const { id: account, name: accountName } of ofType('Microsoft.DocumentDB/databaseAccounts')) {
    const assigned = await manager.list<{ properties: { principalId: string } }>(
      `${account}/sqlRoleAssignments`,
      '2024-11-15',
    );
    const holders = new Set(assigned.map(({ properties }) => properties.principalId.toLowerCase()));
    for (const { id, name: app } of ofType('Microsoft.Web/sites')) {
      const site = await manager.get<{ identity?: ResourceIdentity }>(id, '2023-12-01');
      const principals = principalsOf(site?.identity);
      const name = `data roles of ${app}`;
      const holds = principals.some((principal) => holders.has(principal.toLowerCase()));
      if (holds) yield { name, state: 'ok', found: `on ${accountName}` };
      else yield { name, state: 'FAULT', found: `none on ${accountName}`, fix: provision };
    }
  }
}
