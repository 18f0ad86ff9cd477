import pMap from 'p-map';
import type { DeviceCount, DeviceStore } from '../devices/device.ts';
import type { FindingCount, FindingStore } from '../findings/finding.ts';
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

/** One queue, at the time it was observed. */
export interface QueueState {
  readonly queue: QueueName;
  /** Approximately; hidden messages included. */
  readonly messages: number;
  /** When the first message that can be received was sent: ISO 8601, UTC. Absent when there is none. */
  readonly oldest?: string;
}

export interface OverviewSources {
  readonly devices: Pick<DeviceStore, 'countByStatus'>;
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

/** Days of jobs. */
export const jobDays = 14;

const dayMilliseconds = 24 * 60 * 60 * 1000;

/** Any time of a certificate is after it. */
const beginning = '0000-01-01T00:00:00.000Z';

export function createOverview({ devices, jobs, findings, deadLetters, queue, now }: OverviewSources): Overview {
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
