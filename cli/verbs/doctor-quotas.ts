import { type Api, answered, type Schemas } from '../api.ts';
import type { Check } from '../doctor-check.ts';
import { duration, grouped } from '../text.ts';

/*
 * What is left of the limits of DPS and its hubs, and whether the hubs fit the groups.
 */

type Summary = Schemas['Summary'];
type Quota = NonNullable<Summary['quotas']>[number];

/** Shares of a limit. A limit that Azure support has to raise takes days. */
const [fullShare, nearShare] = [0.95, 0.8];

/** Seconds after which a count is too old to plan with. The sweep begins each night (SWEEP_SCHEDULE). */
const oldSeconds = 3 * 86_400;

const askSupport = 'Ask Azure support for a higher limit';

const quotas: Readonly<Record<Quota['name'], { readonly name: string; readonly fix: string }>> = {
  dpsGroups: { name: 'DPS enrollment groups', fix: `Delete groups without devices. ${askSupport}.` },
  dpsEnrollments: {
    name: 'DPS individual enrollments',
    fix: `Run fleet device scrap for devices that are gone. ${askSupport}, or use enrollment "group" for new groups.`,
  },
  dpsRegistrations: {
    name: 'DPS registrations',
    fix: `Run fleet device scrap for devices that are gone. ${askSupport}, or declare new groups in another DPS instance (docs/stamps.md).`,
  },
  dpsCaCertificates: {
    name: 'DPS CA certificates',
    fix: `Run fleet ca unregister for deleted groups. ${askSupport}.`,
  },
  hubIdentities: { name: 'identities', fix: 'Link another hub to DPS: az iot dps linked-hub create.' },
};

/** @param instances names of the DPS instances of the deployment */
export function* quotaChecks(summary: Summary, now: Date, instances: readonly string[]): Generator<Check> {
  // With these a caller sees the whole deployment.
  if (summary.queues === undefined) return;
  for (const quota of summary.quotas ?? []) yield quotaCheck(quota, now);
  const fix =
    'Wait until a sweep has ended (SWEEP_SCHEDULE). If none does, see the log of the functions sweep and continue-sweep.';
  for (const dps of instances) {
    const name = dps === 'default' ? 'sweep' : `sweep of DPS instance ${dps}`;
    const swept = summary.quotas?.find((each) => each.name === 'dpsRegistrations' && (each.dps ?? 'default') === dps);
    if (swept === undefined) yield { name, state: 'warning', found: 'none has ended', fix };
    else if (age(swept, now) > oldSeconds) {
      yield { name, state: 'warning', found: `the latest began ${ago(swept, now)}`, fix };
    } else yield { name, state: 'ok', found: `the latest began ${ago(swept, now)}` };
  }
}

function quotaCheck(quota: Quota, now: Date): Check {
  const { dps, hub, used, limit } = quota;
  const { name: what, fix } = quotas[quota.name];
  const ofDps = dps === undefined || hub !== undefined ? what : `${what} (${dps})`;
  const name = hub === undefined ? ofDps : `${what} at ${hub}`;
  if (used === undefined) {
    const roles = '"IoT Hub Registry Contributor" and "IoT Hub Twin Contributor"';
    const found = `the hub did not answer the sweep of ${ago(quota, now)}`;
    return { name, state: 'FAULT', found, fix: `Give the app the roles ${roles} on it, and see its network rules.` };
  }
  const share = used / limit;
  const found = `${grouped(used)} of ${grouped(limit)} used, ${grouped(limit - used)} left, as of ${ago(quota, now)}`;
  if (share < nearShare) return { name, state: 'ok', found };
  return { name, state: share < fullShare ? 'warning' : 'FAULT', found, fix };
}

function age({ observedAt }: Quota, now: Date): number {
  return Math.max(0, (now.getTime() - Date.parse(observedAt)) / 1000);
}

function ago(quota: Quota, now: Date): string {
  return `${duration(age(quota, now))} ago`;
}

/** Hubs per DPS instance. https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits */
const maxHubs = 50;

type Instance = Schemas['Me']['deployment']['dpsInstances'][number];

/** @returns the name of the DPS instance that a resource id names; `default` where none is known to be it */
function instanceOf(dps: string, instances: readonly Instance[]): string {
  const resource = dps.split('/').at(-1)?.toLowerCase();
  const found = instances.find(({ serviceHost }) => serviceHost?.toLowerCase().split('.')[0] === resource);
  return found?.name ?? 'default';
}

/** The hubs that are linked to a DPS, beside those that groups name and that have devices. */
export async function* linkedHubChecks(
  client: Api['client'],
  { quotas = [] }: Summary,
  { dps, dpsInstances }: { readonly dps: string; readonly dpsInstances: readonly Instance[] },
): AsyncGenerator<Check> {
  const instance = instanceOf(dps, dpsInstances);
  const name = 'linked hubs';
  const link = 'Link it to DPS: az iot dps linked-hub create';
  const { findLinkedHubs } = await import('../operator/registry.ts');
  let linked: Awaited<ReturnType<typeof findLinkedHubs>>;
  try {
    linked = await findLinkedHubs(dps);
  } catch (error) {
    const fix = 'Give the resource id of DPS, and sign in with az login as a user with the role Reader on it.';
    return yield { name, state: 'FAULT', found: (error as Error).message, fix };
  }
  if (linked.length === 0) {
    const fix = 'Link one: az iot dps linked-hub create.';
    return yield { name, state: 'FAULT', found: 'no hub is linked to DPS, so no device can register', fix };
  }
  const shown = linked.map(({ host, isAllocated }) => (isAllocated ? host : `${host} (only where a group names it)`));
  yield { name, state: 'ok', found: `${linked.length} of ${maxHubs}: ${shown.join(', ')}` };

  const isLinked = (hub: string) => linked.some(({ host }) => host === hub.toLowerCase());
  const { enrollmentGroups } = await answered(client.GET('/enrollment-groups'));
  for (const { id, definition } of enrollmentGroups) {
    if ((definition.dps ?? 'default') !== instance) continue;
    const missing = definition.iotHubs.filter((hub) => !isLinked(hub));
    if (missing.length === 0) continue;
    const found = `group ${id} names ${missing.join(', ')}, not linked to DPS`;
    yield { name, state: 'FAULT', found, fix: `${link}, or change iotHubs of the group.` };
  }
  for (const { hub, dps: counted = 'default' } of quotas) {
    if (hub === undefined || counted !== instance || isLinked(hub)) continue;
    const found = `${hub} has devices of the fleet, and is not linked to DPS`;
    yield { name, state: 'warning', found, fix: `${link}, or let its devices register again.` };
  }
}
