import pMap from 'p-map';
import { deviceNoticeDays } from '../authorities/expiry.ts';
import type { DeviceCount, DeviceStore, EndingDevices, RenewalCount } from '../devices/device.ts';
import type { Groups } from '../enrollment/groups.ts';
import type { FindingCount, FindingStore } from '../findings/finding.ts';
import { isRenewedElsewhere } from '../groups/definition.ts';
import { inForce } from '../groups/group.ts';
import type { DeadLetterStore, LetterCount } from '../jobs/dead-letters.ts';
import type { JobCount, JobStore } from '../jobs/job.ts';
import { createObservation, type Observed } from '../observation.ts';
import { type QueueName, queueNames } from '../resource-names.ts';
import type { Measured, ObservableQueue } from '../storage.ts';

/**
 * Counts of the whole deployment, for screens. The counts of an instance are shared by its callers, so their cost does not
 * follow from how many ask.
 */
export interface Overview {
  /** @throws FleetError `throttled`, `unavailable`, when there is no earlier reading */
  devices(): Promise<Observed<readonly DeviceCount[]>>;
  /** Devices whose certificate has ended, ends within 30 days, and ends within 90 days; each includes none of the others. */
  certificates(): Promise<Observed<EndingCertificates>>;
  /** Renewals of the last and the next 90 days, and devices that have to be issued again before long. */
  renewals(): Promise<Observed<Renewals>>;
  /** Jobs that were received in the last 14 days, and all that run. */
  jobs(): Promise<Observed<readonly JobCount[]>>;
  findings(): Promise<Observed<readonly FindingCount[]>>;
  deadLetters(): Promise<Observed<readonly LetterCount[]>>;
  queues(): Promise<Observed<readonly QueueState[]>>;
}

export interface EndingCertificates {
  readonly ended: readonly DeviceCount[];
  /** Within 30 days. */
  readonly days30: readonly DeviceCount[];
  /** Within 31 to 90 days. */
  readonly days90: readonly DeviceCount[];
}

export interface Renewals {
  readonly counts: readonly RenewalCount[];
  /** Devices whose certificate has ended or ends within the notice of their group, and that do not renew by themselves. */
  readonly byHand: readonly (EndingDevices & {
    /** The end of the notice: ISO 8601, UTC. */
    readonly before: string;
  })[];
}

/** One queue, at the time it was observed. */
export interface QueueState {
  readonly queue: QueueName;
  /** Approximately; hidden messages included. */
  readonly messages: number;
  /** When the first message that can be received was sent: ISO 8601, UTC. Absent when there is none. */
  readonly oldest?: string;
}

export interface OverviewSources {
  readonly devices: Pick<DeviceStore, 'countByStatus' | 'countRenewals' | 'countEnding'>;
  readonly groups: Pick<Groups, 'directory'>;
  readonly jobs: Pick<JobStore, 'countByStatus'>;
  readonly findings: Pick<FindingStore, 'countOpen'>;
  readonly deadLetters: Pick<DeadLetterStore, 'countByReason'>;
  readonly queue: (name: QueueName) => Pick<ObservableQueue<unknown>, 'waiting' | 'oldest'>;
  readonly now: () => Date;
}

/** Screens ask every few seconds. */
const minSeconds = 5;

/** A count that is older than this misleads more than it costs. */
const maxSeconds = 900;

/**
 * Request units per second for each count, while it is asked for. The service publishes no cost of COUNT; one that was seen is
 * 1,290 RU for 29,239 indexed documents (https://gist.github.com/extrawurst/6385e793a841111a6f81c71f18be1edf). At that, 100,000
 * devices are counted every four minutes.
 */
const unitsPerSecond = 20;

/** Renewals change by the day, and the cost of their counts is not known in full: `countEnding` does not measure its own. */
const minRenewalSeconds = 60;

/** Days back and ahead of which renewals are counted. */
const renewalDays = 90;

/** A renewed identity registers within minutes: IoT Edge tries for 11 of them where DPS throttles it. */
const unconfirmedMilliseconds = 60 * 60 * 1000;

/** Days of jobs. */
export const jobDays = 14;

const dayMilliseconds = 24 * 60 * 60 * 1000;

/** Any time of a certificate is after it. */
const beginning = '0000-01-01T00:00:00.000Z';

export function createOverview({
  devices,
  groups,
  jobs,
  findings,
  deadLetters,
  queue,
  now,
}: OverviewSources): Overview {
  const observation = <T>(name: string, read: () => Promise<Measured<T>>) =>
    createObservation(read, { name, minSeconds, maxSeconds, unitsPerSecond, now });

  return {
    devices: observation('devices', () => devices.countByStatus()),

    certificates: observation('certificates', async () => {
      const day = (days: number) => new Date(now().getTime() + days * dayMilliseconds).toISOString();
      const [today, in30, in90] = [day(0), day(30), day(90)];
      const [ended, days30, days90] = await Promise.all([
        devices.countByStatus({ from: beginning, before: today }),
        devices.countByStatus({ from: today, before: in30 }),
        devices.countByStatus({ from: in30, before: in90 }),
      ]);
      const requestUnits = ended.requestUnits + days30.requestUnits + days90.requestUnits;
      return { value: { ended: ended.value, days30: days30.value, days90: days90.value }, requestUnits };
    }),

    renewals: createObservation(
      async () => {
        const at = now().getTime();
        const day = (days: number) => new Date(at + days * dayMilliseconds).toISOString().slice(0, 'yyyy-mm-dd'.length);
        const [{ value: counts, requestUnits }, byHand] = await Promise.all([
          devices.countRenewals({
            from: day(-renewalDays),
            before: day(renewalDays + 1),
            at: new Date(at).toISOString(),
            unconfirmedBefore: new Date(at - unconfirmedMilliseconds).toISOString(),
          }),
          endingByHand(new Date(at), { devices, groups }),
        ]);
        return { value: { counts, byHand }, requestUnits };
      },
      { name: 'renewals', minSeconds: minRenewalSeconds, maxSeconds, unitsPerSecond, now },
    ),

    jobs: observation('jobs', () => {
      // Whole days: the first one is shown beside the others.
      const midnight = Math.floor(now().getTime() / dayMilliseconds) * dayMilliseconds;
      return jobs.countByStatus(new Date(midnight - (jobDays - 1) * dayMilliseconds).toISOString());
    }),

    findings: observation('findings', () => findings.countOpen()),

    deadLetters: observation('dead letters', () => deadLetters.countByReason()),

    queues: observation('queues', async () => {
      const value = await pMap(queueNames, async (name): Promise<QueueState> => {
        const [messages, oldest] = await Promise.all([queue(name).waiting(), queue(name).oldest()]);
        return { queue: name, messages, ...(oldest !== undefined && { oldest: oldest.toISOString() }) };
      });
      return { value, requestUnits: 0 };
    }),
  };
}

/** One query per distinct notice: most fleets have one or two. */
async function endingByHand(
  at: Date,
  { devices, groups }: Pick<OverviewSources, 'devices' | 'groups'>,
): Promise<Renewals['byHand']> {
  const definitions = [...(await groups.directory()).values()].map(({ value }) => inForce(value).definition);
  const own = definitions.filter((definition) => !isRenewedElsewhere(definition));
  const byNotice = [...Map.groupBy(own, deviceNoticeDays)];
  const ending = await pMap(
    byNotice,
    async ([days, some]) => {
      const before = new Date(at.getTime() + days * dayMilliseconds).toISOString();
      const enrollmentGroups = some.map(({ id }) => id);
      const found = await devices.countEnding({ enrollmentGroups, from: beginning, before, byHand: true });
      return found.map((each) => ({ ...each, before }));
    },
    { concurrency: 4 },
  );
  return ending.flat();
}
