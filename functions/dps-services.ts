import type { TokenCredential } from '@azure/identity';
import { createDpsEnrollments } from '../lib/azure/dps.ts';
import { createFleetReader } from '../lib/azure/fleet-reader.ts';
import type { IotConnection } from '../lib/azure/iot.ts';
import type { DpsAddress } from '../lib/bundle/targets.ts';
import { createDpsPlaces, type DpsPlaces, onePlace } from '../lib/enrollment/dps-places.ts';
import type { Enrollments } from '../lib/enrollment/enrollments.ts';
import { enrollmentsByInstance } from '../lib/enrollment/enrollments-by-instance.ts';
import { limitedEnrollments } from '../lib/enrollment/limited-enrollments.ts';
import type { FleetReader } from '../lib/enrollment/observed.ts';
import { defaultDps, nameForDps } from '../lib/groups/dps-instance.ts';
import { severalDps } from '../lib/jobs/messages.ts';
import type { Lock } from '../lib/lock.ts';
import { createRateLimiter, type RateLimiter, type RateLimiterOptions } from '../lib/rate-limiter.ts';
import { queues } from '../lib/resource-names.ts';
import type { Config, DpsConfig } from './config.ts';

/** One DPS instance, and what only its sweep needs. */
export interface DpsInstance {
  readonly name: string;
  readonly address: DpsAddress;
  /** Host name of the service API. */
  readonly host: string;
  readonly operationsPerMinute: number;
  /** The calls of this instance alone, without a rate limiter. */
  readonly enrollments: Enrollments;
  readonly fleet: FleetReader;
  /** Held by the one process that sweeps this instance. */
  readonly sweepLock: Lock;
  /** The share of the sweep of what this instance allows. */
  readonly sweepRateLimiter: RateLimiter;
}

/** All DPS instances of the deployment, one by one and as one. */
export interface DpsServices {
  /** The instance `default` first. */
  readonly instances: readonly DpsInstance[];
  readonly places: DpsPlaces;
  /** All instances as one, at their full rate. */
  readonly enrollments: Enrollments;
  /** The same, at the share of sweeps. */
  readonly sweepEnrollments: Enrollments;
  /** Held by the one process that writes individual enrollments to an instance. @param dps as of `EnrollmentMessage` */
  readonly enrollmentLock: (dps: string) => Lock;
}

export interface DpsServicesOptions extends Omit<RateLimiterOptions, 'perMinute'> {
  readonly credential: TokenCredential;
  readonly hub: IotConnection;
  readonly lock: (name: string) => Lock;
  readonly stores: Parameters<typeof createDpsPlaces>[0];
}

/** The part of the quota of DPS that a sweep uses, so that enrollments and registrations keep the rest. */
const sweepShare = 0.25;

export function createDpsServices(
  { dps, moreDps = {} }: Pick<Config, 'dps' | 'moreDps'>,
  { credential, hub, lock, stores, now, sleep }: DpsServicesOptions,
): DpsServices {
  const instances = Object.entries({ [defaultDps]: dps, ...moreDps }).map(([name, config]) => {
    const { operationsPerMinute, idScope, globalEndpoint } = config;
    const connection = connectionOf(config, credential);
    const limiter = (share: number) =>
      createRateLimiter({ perMinute: Math.max(1, Math.floor(operationsPerMinute * share)), now, sleep });
    return {
      ...{ name, operationsPerMinute, rateLimiter: limiter(1), sweepRateLimiter: limiter(sweepShare) },
      address: { idScope, globalEndpoint },
      host: hostOf(config),
      enrollments: createDpsEnrollments(connection),
      fleet: createFleetReader({ dps: connection, hub }),
      sweepLock: lock(nameForDps('sweep', name)),
    };
  });
  const places = instances.length === 1 ? onePlace : createDpsPlaces(stores);
  const asOne = (limiterOf: (instance: (typeof instances)[number]) => RateLimiter) => {
    const all = new Map(instances.map((each) => [each.name, limitedEnrollments(each.enrollments, limiterOf(each))]));
    const only = all.size === 1 ? all.get(defaultDps) : undefined;
    return only ?? enrollmentsByInstance(all, places);
  };
  const lockFor = (name: string) =>
    [name, lock(name === severalDps ? `${queues.enrollments}.several` : nameForDps(queues.enrollments, name))] as const;
  const enrollmentLocks = new Map([...instances.map(({ name }) => name), severalDps].map(lockFor));
  const ofDefault = enrollmentLocks.get(defaultDps) ?? lock(queues.enrollments);
  return {
    instances,
    places,
    enrollmentLock: (name) => enrollmentLocks.get(name) ?? ofDefault,
    enrollments: asOne(({ rateLimiter }) => rateLimiter),
    sweepEnrollments: asOne(({ sweepRateLimiter }) => sweepRateLimiter),
  };
}

function connectionOf(dps: DpsConfig, credential: TokenCredential): IotConnection {
  return 'connectionString' in dps
    ? { connectionString: dps.connectionString }
    : { host: dps.serviceHost, credential, scope: 'https://azure-devices-provisioning.net/.default' };
}

function hostOf(dps: DpsConfig): string {
  return 'serviceHost' in dps ? dps.serviceHost : (/HostName=([^:;]+)/.exec(dps.connectionString)?.[1] ?? '');
}
