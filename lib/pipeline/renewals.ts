import type { GroupDefinition } from '../groups/definition.ts';
import { isRenewedElsewhere, renewalPolicyOf } from '../groups/definition.ts';
import { inForce } from '../groups/group.ts';
import type { Renewals } from './overview.ts';
import type { Ports } from './ports.ts';

/** How devices of a group get their next identity. `elsewhere`: by an EST server that is not ours, so the records do not show it. */
export type RenewalWay = (typeof renewalWays)[number];
export const renewalWays = ['est', 'elsewhere', 'reissue'] as const;

export interface RenewalsOfDay {
  /** UTC, such as `2027-09-10`. */
  readonly day: string;
  /** Devices that renew on this day. A day in the past has those that did not renew since. */
  readonly due: number;
  /** The same of devices that have not registered yet. */
  readonly waiting: number;
  /** Devices whose latest renewal was confirmed on this day. */
  readonly done: number;
}

export interface GroupRenewals extends Omit<RenewalsOfDay, 'day'> {
  readonly enrollmentGroup: string;
  readonly by: RenewalWay;
  /** Devices with a renewed identity and no registration with it for an hour. */
  readonly failed: number;
  /** Devices that have not renewed although two retries have failed. */
  readonly late: number;
  /** Days of the period with a count above 0, oldest first. */
  readonly days: readonly RenewalsOfDay[];
  /** Devices that end before long and do not renew by themselves. Absent when there are none. */
  readonly reissue?: Renewals['byHand'][number] & {
    /** Each device has a key of its own, so each row needs a request for a certificate. */
    readonly needsCsr: boolean;
  };
}

export interface RenewalReport {
  /** First and last day of the period, UTC. */
  readonly from: string;
  readonly until: string;
  /** When the counts were read: ISO 8601, UTC. */
  readonly observedAt: string;
  /** By id, ascending. */
  readonly groups: readonly GroupRenewals[];
}

export interface RenewalPeriod {
  /** Days before today, 0 to 90. */
  readonly past: number;
  /** Days after today, 0 to 90. */
  readonly ahead: number;
}

const dayMilliseconds = 24 * 60 * 60 * 1000;
const nothing = { due: 0, waiting: 0, done: 0 };

/**
 * What becomes of the renewals of each group. The counts are shared by all callers (overview.ts).
 * @throws FleetError `throttled`, `unavailable`
 */
export async function readRenewals(
  { past, ahead }: RenewalPeriod,
  { overview, groups }: Pick<Ports, 'overview' | 'groups'>,
): Promise<RenewalReport> {
  const [{ value, observedAt }, directory] = await Promise.all([overview.renewals(), groups.directory()]);
  const day = (days: number) =>
    new Date(Date.parse(observedAt) + days * dayMilliseconds).toISOString().slice(0, 'yyyy-mm-dd'.length);
  const [from, until] = [day(-past), day(ahead)];
  const definitions = [...directory.values()].map(({ value: group }) => inForce(group).definition);
  const all = definitions.map((definition) => renewalsOf(definition, value, { from, until }));
  return { from, until, observedAt, groups: all.sort((a, b) => (a.enrollmentGroup < b.enrollmentGroup ? -1 : 1)) };
}

function renewalsOf(
  definition: GroupDefinition,
  { counts, byHand }: Renewals,
  { from, until }: Pick<RenewalReport, 'from' | 'until'>,
): GroupRenewals {
  const { id, keyCustody } = definition;
  const own = counts.filter(({ enrollmentGroup }) => enrollmentGroup === id);
  const days = new Map<string, RenewalsOfDay>();
  const total = { ...nothing, late: 0, failed: 0 };
  for (const count of own) {
    if (!('day' in count)) {
      total[count.what === 'late' ? 'late' : 'failed'] += count.devices;
    } else if (count.day >= from && count.day <= until) {
      const before = days.get(count.day) ?? { day: count.day, ...nothing };
      days.set(count.day, { ...before, [count.what]: before[count.what] + count.devices });
      total[count.what] += count.devices;
    }
  }
  const reissue = byHand.find(({ enrollmentGroup }) => enrollmentGroup === id);
  return {
    enrollmentGroup: id,
    by: wayOf(definition),
    ...total,
    days: [...days.values()].sort((a, b) => (a.day < b.day ? -1 : 1)),
    ...(reissue !== undefined && { reissue: { ...reissue, needsCsr: keyCustody === 'device' } }),
  };
}

function wayOf(definition: GroupDefinition): RenewalWay {
  if (isRenewedElsewhere(definition)) return 'elsewhere';
  return renewalPolicyOf(definition) === undefined ? 'reissue' : 'est';
}
