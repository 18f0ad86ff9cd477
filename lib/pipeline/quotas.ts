import type { DpsCaStore } from '../authorities/dps-cas.ts';
import type { DeviceCount } from '../devices/device.ts';
import { defaultDps, dpsOf } from '../groups/dps-instance.ts';
import { type CapacityName, capacities } from '../limits-and-prices.ts';
import type { Ports } from './ports.ts';
import { type LatestSweep, readSweepState } from './sweep-state.ts';

/** How much of a limit of Azure is used. */
export interface Quota {
  readonly name: CapacityName;
  /** The DPS instance whose sweep counted it. Absent: `default`. */
  readonly dps?: string;
  /** Host name. Present when each hub has its own limit. */
  readonly hub?: string;
  /** Absent: the hub did not answer. */
  readonly used?: number;
  /** The default of a new service. Azure support raises some of them. */
  readonly limit: number;
  /** When `used` was read: ISO 8601, UTC. */
  readonly observedAt: string;
  /** Microsoft's page of the limit. */
  readonly source: string;
}

export type QuotaPorts = Pick<Ports, 'reports' | 'overview' | 'groups'> & {
  readonly dpsCas: Pick<DpsCaStore, 'read'>;
  /** Names of the DPS instances. */
  readonly dpsInstances: readonly string[];
};

/**
 * What the latest sweep of each DPS instance counted in it and at its hubs, and what an operator's command saw last, beside the limits. Azure is not asked.
 * @returns nothing of what was not counted yet
 * @throws FleetError `throttled`, `unavailable`
 */
export async function readQuotas({ dpsInstances, ...ports }: QuotaPorts): Promise<readonly Quota[]> {
  const all = await Promise.all(dpsInstances.map((dps) => quotasOf(dps, ports)));
  return all.flat();
}

async function quotasOf(
  dps: string,
  { reports, overview, groups, dpsCas }: Omit<QuotaPorts, 'dpsInstances'>,
): Promise<readonly Quota[]> {
  const [{ latest }, list, devices, directory] = await Promise.all([
    readSweepState(reports, dps),
    dpsCas.read(dps),
    overview.devices(),
    groups.directory(),
  ]);
  const isIndividual = ({ enrollmentGroup }: DeviceCount) => {
    const definition = directory.get(enrollmentGroup)?.value.definition;
    return definition?.enrollment === 'individual' && dpsOf(definition) === dps;
  };
  const assigned = devices.value.filter((count) => count.status === 'assigned' && isIndividual(count));
  const quotas = [
    ...(latest === undefined ? [] : swept(latest, total(assigned))),
    ...(list === undefined ? [] : [quota('dpsCaCertificates', list.seenAt, list.certificates.length)]),
  ];
  return dps === defaultDps ? quotas : quotas.map((each) => ({ ...each, dps }));
}

/** @param individual registrations by individual enrollments, of which DPS has no list */
function swept({ began, figures, hubs = {} }: LatestSweep, individual: number): Quota[] {
  return [
    quota('dpsGroups', began, figures.groups),
    quota('dpsEnrollments', began, figures.enrollments),
    quota('dpsRegistrations', began, figures.registrations + individual),
    ...Object.entries(hubs).map(([hub, used]) => ({ ...quota('hubIdentities', began, used ?? undefined), hub })),
  ];
}

function quota(name: CapacityName, observedAt: string, used: number | undefined): Quota {
  const { count: limit, source } = capacities[name];
  return { name, ...(used !== undefined && { used }), limit, observedAt, source };
}

function total(counts: readonly DeviceCount[]): number {
  return counts.reduce((sum, { devices }) => sum + devices, 0);
}
