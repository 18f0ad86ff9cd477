import { randomBytes } from 'node:crypto';

export interface LinkedHub {
  readonly hostName: string;
  /** Key of the hub's policy `iothubowner`, base64. */
  readonly key: string;
  /** Share of the devices under the policy `hashed`, 1 to 1000. */
  readonly weight?: number;
  /** Decides under `geoLatency`: the least wins, because all devices of a local stack are equally near. */
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

/** https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits. Every figure can be turned down to test it. */
export interface Quotas {
  /** Service API calls a minute. */
  readonly operationsPerMinute: number;
  /** Device registrations a minute. */
  readonly registrationsPerMinute: number;
  /** Polls and status look-ups of one device in 10 seconds. */
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

/** https://learn.microsoft.com/azure/iot-dps/tutorial-custom-allocation-policies: 10 more tries, after 1 s, 10 s, 19 s, ... */
export interface WebhookSettings {
  readonly retries: number;
  readonly firstDelayMs: number;
  readonly addedDelayMs: number;
  /** How long one call may take. The real figure is not published. */
  readonly timeoutMs: number;
  /** Takes `http:` URLs, which DPS does not: for a functions host on this machine. */
  readonly allowHttp: boolean;
}

const documentedWebhook: WebhookSettings = {
  retries: 10,
  firstDelayMs: 1000,
  addedDelayMs: 9000,
  timeoutMs: 30_000,
  allowHttp: false,
};

export interface DpsEmulatorOptions {
  /** TLS identity of the server, PEM. `ensureLocalTls` makes one. */
  readonly tls: { readonly keyPem: string; readonly certPem: string };
  /** SQLite file; in memory when absent. */
  readonly dataFile?: string;
  readonly idScope?: string;
  /** Host name of the service, as clients sign it. The Host header's name counts as well. */
  readonly serviceHostName?: string;
  readonly hubs?: readonly LinkedHub[];
  readonly policies?: readonly AccessPolicy[];
  /** Bearer tokens taken in place of a signature: those listed, or `any`, since Entra ID is not here to check them. */
  readonly bearerTokens?: readonly string[] | 'any';
  /** What enrollments without a policy of their own get. */
  readonly defaultAllocationPolicy?: 'hashed' | 'geoLatency' | 'static';
  /** Seconds in `retry-after` of an accepted registration. */
  readonly retryAfterSeconds?: number;
  readonly quotas?: Partial<Quotas>;
  readonly webhook?: Partial<WebhookSettings>;
  readonly now?: () => Date;
  readonly random?: (bytes: number) => Buffer;
}

/** Known to everybody, like the account key of a storage emulator: it protects nothing and needs no configuring. */
export const wellKnownKey = Buffer.from('local emulator key, not a secret').toString('base64');

export type Settings = ReturnType<typeof settingsOf>;

/** The options with every default filled in. */
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
  webhook = {},
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
    webhook: { ...documentedWebhook, ...webhook },
    now,
    random,
  };
}
