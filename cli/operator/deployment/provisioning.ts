import type { Check } from '../../doctor-check.ts';
import { plural } from '../../text.ts';
import { type Inventory, principalsOf, type Resource, type ResourceIdentity, rolesOn } from './inventory.ts';

/** The first stable version that shows how a hub is linked by identity. */
const dpsVersion = '2026-08-31';
const hubVersion = '2023-06-30';

interface Dps {
  readonly identity?: ResourceIdentity;
  readonly properties: {
    readonly iotHubs?: readonly {
      readonly name?: string;
      readonly hostName?: string;
      readonly connectionString?: string;
    }[];
  };
}

interface Hub {
  readonly id: string;
  readonly host: string;
}

/** Whether each hub is linked to a DPS whose identity may reach it, and whether each DPS trusts a root. */
export async function* provisioningChecks(inventory: Inventory): AsyncGenerator<Check> {
  const hubs: Hub[] = [];
  for (const { id } of inventory.ofType('Microsoft.Devices/IotHubs')) {
    const hub = await inventory.manager.get<{ properties: { hostName?: string } }>(id, hubVersion);
    hubs.push({ id, host: hub?.properties.hostName?.toLowerCase() ?? '' });
  }
  const linked = new Set<string>();
  const services = inventory.ofType('Microsoft.Devices/provisioningServices');
  if (services.length === 0) {
    yield { name: 'DPS', state: 'FAULT', found: 'none in the resource group', fix: 'Run azd provision.' };
  }
  for (const resource of services) {
    const dps = await inventory.manager.get<Dps>(resource.id, dpsVersion);
    const links = (dps?.properties.iotHubs ?? []).map(({ name = '', hostName = name }) => hostName.toLowerCase());
    for (const host of links) linked.add(host);
    yield linkCheck(inventory, resource, { links, principals: principalsOf(dps?.identity), hubs });
    yield await rootCheck(inventory, resource);
  }
  for (const { host } of hubs.filter((hub) => !linked.has(hub.host))) {
    const found = 'not linked to a DPS of the resource group, so no device is assigned to it';
    yield {
      name: `hub ${host}`,
      state: 'FAULT',
      found,
      fix: 'Link it: azd provision, or az iot dps linked-hub create.',
    };
  }
}

function linkCheck(
  inventory: Inventory,
  { name: dps }: Resource,
  {
    links,
    principals,
    hubs,
  }: { readonly links: readonly string[]; readonly principals: readonly string[]; readonly hubs: readonly Hub[] },
): Check {
  const name = `hubs linked to ${dps}`;
  if (links.length === 0) {
    return { name, state: 'FAULT', found: 'none, so no device can register', fix: 'Run azd provision.' };
  }
  const closed = hubs.filter(
    ({ id, host }) =>
      links.includes(host) && !principals.some((principal) => rolesOn(inventory, principal, id).length > 0),
  );
  if (closed.length === 0) return { name, state: 'ok', found: links.join(', ') };
  const found = `the identity of DPS has no role on ${closed.map(({ host }) => host).join(', ')}`;
  return { name, state: 'FAULT', found, fix: 'Give it IoT Hub Data Contributor on the hub: azd provision.' };
}

/** Whether the CA certificates of a DPS are proven: a device is only let in by a chain to one that is. */
async function rootCheck({ manager }: Inventory, { id, name: dps }: Resource): Promise<Check> {
  const name = `CA certificates in ${dps}`;
  const answer = await manager.list<{ name: string; properties: { isVerified?: boolean } }>(
    `${id}/certificates`,
    dpsVersion,
  );
  const open = answer.filter(({ properties }) => properties.isVerified !== true).map((each) => each.name);
  const fix = `Run fleet ca register --settings app.json --dps ${id} (docs/deploy.md).`;
  if (answer.length === 0) return { name, state: 'FAULT', found: 'none, so no device can register', fix };
  const proven = plural(answer.length - open.length, 'proven certificate');
  if (open.length === answer.length) return { name, state: 'FAULT', found: `none is proven: ${open.join(', ')}`, fix };
  if (open.length > 0) return { name, state: 'warning', found: `${proven}; not proven: ${open.join(', ')}`, fix };
  return { name, state: 'ok', found: proven };
}
