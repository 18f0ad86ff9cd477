import { randomBytes } from 'node:crypto';
import type { EventSchema } from './hub/device-event.ts';

export interface LinkedHub {
  readonly hostName: string;
  /** Key of the hub's policy `iothubowner`, base64. */
  readonly key: string;
  /** Share of the devices with the policy `hashed`, 1 to 1000. Default: 1. */
  readonly weight?: number;
  /** Milliseconds. The policy `geoLatency` chooses the hub with the lowest latency. Default: 0. */
  readonly latencyMs?: number;
}

/** A shared access policy of the service API. */
export interface AccessPolicy {
  readonly name: string;
  readonly primaryKey: string;
  readonly secondaryKey?: string;
  readonly rights: readonly AccessRight[];
}

export const accessRights = [
  'ServiceConfig',
  'EnrollmentRead',
  'EnrollmentWrite',
  'RegistrationStatusRead',
  'RegistrationStatusWrite',
] as const;
export type AccessRight = (typeof accessRights)[number];

/** https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits. Tests can set lower values. */
export interface Quotas {
  /** Service API calls per minute. */
  readonly operationsPerMinute: number;
  /** Device registrations per minute. */
  readonly registrationsPerMinute: number;
  /** Polls and status look-ups per device in 10 seconds. */
  readonly pollsPer10Seconds: number;
  readonly x509EnrollmentGroups: number;
  readonly symmetricKeyEnrollmentGroups: number;
  readonly individualEnrollments: number;
  readonly caCertificates: number;
}

export const documentedQuotas: Quotas = {
  operationsPerMinute: 1000,
  registrationsPerMinute: 1000,
  pollsPer10Seconds: 5,
  x509EnrollmentGroups: 100,
  symmetricKeyEnrollmentGroups: 100,
  individualEnrollments: 1_000_000,
  caCertificates: 25,
};

/** Operations of an IoT hub that have a limit of their own. */
export const hubOperations = ['registry', 'twinReads', 'twinUpdates', 'queries', 'jobs'] as const;
export type HubOperation = (typeof hubOperations)[number];
/** `operations` in any `seconds`, for one hub. */
export interface HubLimit {
  readonly operations: number;
  readonly seconds: number;
}
/** An operation that is left out has no limit. */
export type HubLimits = { readonly [operation in HubOperation]?: HubLimit };

export const hubTiers = ['S1', 'S2', 'S3'] as const;
export type HubTier = (typeof hubTiers)[number];

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling#operation-throttles */
export function documentedHubLimits(tier: HubTier, units: number): Required<HubLimits> {
  const perMinute = (operations: number): HubLimit => ({ operations: operations * units, seconds: 60 });
  const perSecond = (operations: number): HubLimit => ({ operations, seconds: 1 });
  if (tier === 'S3') {
    return {
      registry: perMinute(5000),
      twinReads: perSecond(500 * units),
      twinUpdates: perSecond(250 * units),
      queries: perMinute(1000),
      jobs: perMinute(5000),
    };
  }
  return {
    registry: perMinute(100),
    twinReads: perSecond(tier === 'S2' ? Math.max(100, 10 * units) : 100),
    twinUpdates: perSecond(tier === 'S2' ? Math.max(50, 5 * units) : 50),
    queries: perMinute(20),
    jobs: perMinute(100),
  };
}

/** https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies: 10 retries, after 1 s, 10 s, 19 s, ... */
export interface WebhookSettings {
  readonly retries: number;
  readonly firstDelayMs: number;
  readonly addedDelayMs: number;
  /** Timeout of one call. The timeout of the service is not published. */
  readonly timeoutMs: number;
  /** Accept `http:` URLs, for a Functions host on this machine. DPS accepts `https:` only. */
  readonly allowHttp: boolean;
}

const documentedWebhook: WebhookSettings = {
  retries: 10,
  firstDelayMs: 1000,
  addedDelayMs: 9000,
  timeoutMs: 30_000,
  allowHttp: false,
};

export interface DeviceEventOptions {
  /** Of the storage account of the queue. */
  readonly connectionString: string;
  readonly queue: string;
  /** Default: eventGrid. */
  readonly schema?: EventSchema;
}

export interface DpsEmulatorOptions {
  /** TLS identity of the server, PEM. See `ensureLocalTls`. */
  readonly tls: { readonly keyPem: string; readonly certPem: string };
  /** SQLite file. Default: in memory. */
  readonly dataFile?: string;
  readonly idScope?: string;
  /** Host name of the service in signatures of clients. The name in the Host header is accepted too. */
  readonly serviceHostName?: string;
  readonly hubs?: readonly LinkedHub[];
  readonly policies?: readonly AccessPolicy[];
  /** Bearer tokens that are accepted instead of a signature. `any`: all of them, because Microsoft Entra is not emulated. */
  readonly bearerTokens?: readonly string[] | 'any';
  /** Policy of enrollments without one. */
  readonly defaultAllocationPolicy?: 'hashed' | 'geoLatency' | 'static';
  /** Seconds in `retry-after` of an accepted registration. Default: 3. */
  readonly retryAfterSeconds?: number;
  readonly quotas?: Partial<Quotas>;
  /** Of each hub. Default: none, as for a hub with enough units. See `documentedHubLimits`. */
  readonly hubLimits?: HubLimits;
  readonly webhook?: Partial<WebhookSettings>;
  /** Connection string of the storage account that the hubs may use with their identity. */
  readonly storageConnectionString?: string | undefined;
  /** Announces created and deleted devices, as an Event Grid subscription does. Default: not at all. */
  readonly deviceEvents?: DeviceEventOptions | undefined;
  readonly now?: () => Date;
  readonly random?: (bytes: number) => Buffer;
}

/** The published default key, base64. It protects nothing. */
export const wellKnownKey = Buffer.from('local emulator key, not a secret').toString('base64');

export type Settings = ReturnType<typeof settingsOf>;

/** The options with their defaults. */
export function settingsOf({
  tls,
  dataFile,
  idScope = '0ne00000000',
  serviceHostName = 'localhost',
  hubs = [{ hostName: 'localhost', key: wellKnownKey }],
  policies = [{ name: 'provisioningserviceowner', primaryKey: wellKnownKey, rights: accessRights }],
  bearerTokens = 'any',
  defaultAllocationPolicy = 'hashed',
  retryAfterSeconds = 3,
  quotas = {},
  hubLimits = {},
  webhook = {},
  storageConnectionString,
  deviceEvents,
  now = () => new Date(),
  random = randomBytes,
}: DpsEmulatorOptions) {
  return {
    tls,
    dataFile,
    idScope,
    serviceHostName,
    hubs,
    policies,
    bearerTokens,
    defaultAllocationPolicy,
    retryAfterSeconds,
    quotas: { ...documentedQuotas, ...quotas },
    hubLimits,
    webhook: { ...documentedWebhook, ...webhook },
    storageConnectionString,
    deviceEvents,
    now,
    random,
  };
}
