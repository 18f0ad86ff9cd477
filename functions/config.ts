import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { GroupRoles } from '../lib/access/access.ts';
import { excerpt, FleetError, type Issue } from '../lib/errors.ts';
import type { PrivateUrls } from '../lib/groups/url-rule.ts';
import { nodeIssue } from './config/node-version.ts';
import { isAzure } from './config/platform.ts';
import { type SettingName, type Settings, settingMeta, settingNames, settings } from './config/settings.ts';
import { sweepSchedule } from './config/sweep-schedule.ts';

/**
 * The settings of the app, read and checked. The only module that reads the environment. Their meaning is in
 * config/settings.ts.
 *
 * A service that is reached by identity in Azure and by a key on one machine has one shape per way. Callers tell the two
 * apart by a property: `'connectionString' in config.storage`.
 */
export interface Config {
  readonly storage:
    | { readonly connectionString: string }
    | { readonly blobServiceUri: string; readonly queueServiceUri: string };
  /** With `key` on the local stack, without it by managed identity. */
  readonly cosmos: { readonly endpoint: string; readonly key?: string; readonly database: string };
  /** The DPS instance `default`. */
  readonly dps: DpsConfig;
  /** More instances, by name. Absent: there is one. */
  readonly moreDps?: Readonly<Record<string, DpsConfig>>;
  /** Without a connection string, each hub is reached at its own host name by managed identity. */
  readonly hub: {
    readonly connectionString?: string;
    /** Connection strings of hubs of other emulators, by host name. */
    readonly others?: Readonly<Record<string, string>>;
    readonly registryOperationsPerMinute: number;
    readonly queriesPerMinute: number;
  };
  readonly keys:
    | { readonly vaultUrl: string; readonly protection: 'software' | 'hsm' }
    | { readonly directory: string };
  /** Where the key of the audit trail is. It is never beside the CA keys. */
  readonly auditKeys: { readonly vaultUrl: string } | { readonly directory: string };
  /** File that records everything that a CA key signs. */
  readonly signingJournal?: string;
  /** The EST server of the deployment. Absent: it has none. */
  readonly est?: {
    /** Without a path and without a slash at its end. */
    readonly url: string;
    /** PEM of the CA of its TLS certificate, where devices do not trust that by themselves. */
    readonly trustedCaPem?: string;
  };
  /** Common name of a new root certificate. */
  readonly rootCaName: string;
  readonly allowPlainKeys: boolean;
  /** Which URLs of enrollment groups may name a private address. */
  readonly privateUrls: PrivateUrls;
  readonly events: {
    /** Address of this app, without a slash at its end. Absent: not known. */
    readonly apiUrl?: string;
    readonly announceAssigned: boolean;
    readonly eventGridEndpoint?: string;
  };
  /** Rows per chunk. */
  readonly chunkRows: number;
  /** Days after which a rule of the storage account deletes bundles. */
  readonly bundleRetentionDays?: number;
  /** Days after which records are deleted. A member that is absent: they are kept. */
  readonly retention: {
    readonly scrappedDeviceDays?: number;
    readonly jobDays?: number;
    readonly deadLetterDays?: number;
    readonly findingDays?: number;
  };
  /** Client id of the user-assigned identity. Absent: the default credential of the machine. */
  readonly identityClientId?: string;
}

/** One DPS instance. */
export type DpsConfig = (
  | { readonly connectionString: string }
  /** Host name of the service API, without scheme. */
  | { readonly serviceHost: string }
) & {
  readonly idScope: string;
  /** URL, as it is written into a device's configuration. */
  readonly globalEndpoint: string;
  readonly operationsPerMinute: number;
};

/**
 * Settings that are needed while the app loads or before a caller is known. Reading them never throws: the functions of an
 * app that fails while it loads are not listed, and errors in other settings are shown to authenticated callers only.
 */
export interface EarlyConfig {
  /**
   * Who may call: holders of a function key, checked by the host, or users that Microsoft Entra signed in, by app role.
   * Any value but `entra` counts as `keys`.
   */
  readonly httpAccess: 'keys' | 'entra';
  /** Present when the header with the caller's identity cannot be believed: every request must then be refused. */
  readonly accessIssue?: Issue;
  /** Roles that are limited to enrollment groups. Empty if the setting is wrong: the callers that it names then have no role. */
  readonly groupRoles: GroupRoles;
  /** Absent: spans and metrics are sent nowhere. */
  readonly telemetry?: TelemetryConfig;
  /** The longest manifest that is taken over HTTP. The default if the setting is wrong. */
  readonly maxUploadMiB: number;
}

/** Where spans and metrics go. The log goes through the host. */
export type TelemetryConfig = {
  readonly serviceName: string;
  /** Tells the instances of the app apart. */
  readonly instanceId: string;
} & (
  | { readonly to: 'console' }
  | { readonly to: 'azure'; readonly connectionString: string; readonly identityClientId?: string }
);

const { MAX_UPLOAD_MIB: maxUpload } = settings.shape;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads and checks all settings. An empty setting counts as not set, because the portal and Bicep write both.
 * @param nodeVersion of this process. An older Node.js than the app needs loads it, so it is a fault of the configuration
 * @throws FleetError `setting-invalid`; `details.faults` has every issue, under the name of its setting
 */
export function readConfig(env: Environment = process.env, nodeVersion = process.versions.node): Config {
  // First and alone: the checks of the settings need it too.
  const nodeFault = nodeIssue(nodeVersion);
  if (nodeFault !== undefined) throw FleetError.of('setting-invalid', 'The configuration', [nodeFault]);
  const given = Object.fromEntries(settingNames.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
  const parsed = settings.safeParse(given);
  const wrong = new Set(parsed.error?.issues.map((issue) => issue.path[0] as SettingName));
  const issues = [
    ...[...wrong].map((name) => issueOf(name, given[name])),
    ...crossIssues(given, env, wrong, parsed.data),
  ];
  if (!parsed.success || issues.length > 0) throw FleetError.of('setting-invalid', 'The configuration', issues);
  return deepFreeze(toConfig(parsed.data, env));
}

/** Reads the settings that are needed early. A wrong one counts as not set; readConfig() reports it. */
export function readEarlyConfig(env: Environment = process.env): EarlyConfig {
  return {
    httpAccess: env['HTTP_ACCESS'] === 'entra' ? 'entra' : 'keys',
    accessIssue: accessIssueOf(env),
    groupRoles: settings.shape.GROUP_ROLES.safeParse(env['GROUP_ROLES'] || undefined).data ?? new Map(),
    telemetry: telemetryOf(env),
    maxUploadMiB: maxUpload.safeParse(env['MAX_UPLOAD_MIB'] || undefined).data ?? maxUpload.parse(undefined),
  };
}

/**
 * With `entra`, the app believes the header x-ms-client-principal. Built-in authentication of the platform removes a forged
 * one, and nothing else does. So the header is believed only if built-in authentication is on by what the platform says
 * (WEBSITE_AUTH_ENABLED), or where it says nothing by what the deployment says that turned it on (PLATFORM_SIGN_IN), or if
 * LOCAL_TRUST_PRINCIPAL_HEADER says so on a machine that is not Azure. That Flex Consumption sets WEBSITE_AUTH_ENABLED is documented nowhere.
 * https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
 */
function accessIssueOf(env: Environment): Issue | undefined {
  const isTrusted = isTrue(env['LOCAL_TRUST_PRINCIPAL_HEADER']);
  if (isTrusted && isAzure(env)) {
    const message = 'is true in Azure, where every caller could then name itself operator; remove the setting';
    return { path: 'LOCAL_TRUST_PRINCIPAL_HEADER', message };
  }
  if (env['HTTP_ACCESS'] !== 'entra' || isTrusted) return undefined;
  if (isAzure(env) && isTrue(env['WEBSITE_AUTH_ENABLED'] || env['PLATFORM_SIGN_IN'])) return undefined;
  const message = isAzure(env)
    ? 'is "entra", but built-in authentication is off for this app; turn it on, or use keys'
    : 'is "entra" outside Azure, where any caller can forge its identity; use keys, or set LOCAL_TRUST_PRINCIPAL_HEADER=true for tests on this machine';
  return { path: 'HTTP_ACCESS', message };
}

function isTrue(text: string | undefined): boolean {
  return /^true$/i.test(text ?? '');
}

function telemetryOf(env: Environment): TelemetryConfig | undefined {
  const { TELEMETRY: to, APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString } = env;
  // The platform names app and instance; on one machine there is one of each.
  const serviceName = env['WEBSITE_SITE_NAME'] || 'fleet-orchestrator';
  const instanceId = env['WEBSITE_INSTANCE_ID'] || String(process.pid);
  if (to === 'console') return { to, serviceName, instanceId };
  if (to === 'off' || !connectionString) return undefined;
  const identityClientId = env['AZURE_CLIENT_ID'] || undefined;
  return { to: 'azure', serviceName, instanceId, connectionString, identityClientId };
}

function issueOf(name: SettingName, value: string | undefined): Issue {
  const { expected, secret } = settingMeta(name);
  if (value === undefined) return { path: name, message: `is not set; expected ${expected}` };
  const found = secret ? 'has another form' : `is "${excerpt(value)}"`;
  return { path: name, message: `${found}; expected ${expected}` };
}

type Given = Readonly<Partial<Record<SettingName, string>>>;

/** Rules that span settings. A setting that is wrong by itself is not named a second time. */
function crossIssues(given: Given, env: Environment, wrong: ReadonlySet<SettingName>, set?: Settings): Issue[] {
  const issues: Issue[] = [];
  const report = (path: SettingName, message: string) => {
    if (!wrong.has(path)) issues.push({ path, message });
  };
  const oneOf = (local: SettingName, azure: readonly [SettingName, ...SettingName[]]) => {
    const present = azure.filter((name) => given[name] !== undefined);
    if (given[local] !== undefined && present.length > 0) {
      report(local, `is set beside ${present.join(' and ')}; keep one: identity in Azure, ${local} on one machine`);
    } else if (given[local] === undefined) {
      const missing = azure.filter((name) => given[name] === undefined);
      for (const name of missing) {
        const other = missing.length === azure.length ? `, or ${local} on one machine` : '';
        report(name, `is not set; expected ${settingMeta(name).expected}${other}`);
      }
    }
  };

  oneOf('AzureWebJobsStorage', ['AzureWebJobsStorage__blobServiceUri', 'AzureWebJobsStorage__queueServiceUri']);
  oneOf('DPS_CONNECTION_STRING', ['DPS_SERVICE_HOST']);
  oneOf('CA_KEY_DIRECTORY', ['KEY_VAULT_URL']);
  oneOf('AUDIT_KEY_DIRECTORY', ['AUDIT_VAULT_URL']);
  if (given.CA_KEY_PROTECTION === 'hsm' && given.CA_KEY_DIRECTORY !== undefined) {
    report(
      'CA_KEY_PROTECTION',
      'is "hsm", but CA keys are files (CA_KEY_DIRECTORY); set KEY_VAULT_URL instead, or remove it',
    );
  }
  const apart = (own: SettingName, other: SettingName, placeOf: (text: string) => string) => {
    const [first, second] = [given[own], given[other]];
    if (first === undefined || second === undefined || wrong.has(own) || wrong.has(other)) return;
    if (placeOf(first) === placeOf(second))
      report(own, `is the place of ${other}; keep the key of the audit trail apart`);
  };
  apart('AUDIT_VAULT_URL', 'KEY_VAULT_URL', (url) => new URL(url).host);
  apart('AUDIT_KEY_DIRECTORY', 'CA_KEY_DIRECTORY', (directory) => resolve(directory));

  const { AzureWebJobsStorage__clientId: hostIdentity, AZURE_CLIENT_ID: appIdentity } = given;
  if (hostIdentity !== undefined && hostIdentity !== appIdentity) {
    report('AzureWebJobsStorage__clientId', `differs from AZURE_CLIENT_ID; host and app use one identity`);
  }
  if (hostIdentity !== undefined && given.AzureWebJobsStorage__credential === undefined) {
    report('AzureWebJobsStorage__credential', 'is not set; expected managedidentity');
  }
  if (given.COSMOS_ENDPOINT?.startsWith('http:') && given.COSMOS_KEY === undefined) {
    report('COSMOS_KEY', 'is not set; an emulator reached over http takes no managed identity');
  }
  if (given.EST_TRUSTED_CA_FILE !== undefined) {
    if (given.EST_URL === undefined) report('EST_TRUSTED_CA_FILE', 'is set without EST_URL, whose server it is for');
    else if (!isCertificateFile(given.EST_TRUSTED_CA_FILE))
      report('EST_TRUSTED_CA_FILE', 'is not a file with a certificate in PEM that this process may read');
  }
  const sameScope = Object.entries(set?.DPS_INSTANCES ?? {}).find(([, { idScope }]) =>
    sameText(idScope, set?.DPS_ID_SCOPE),
  );
  if (sameScope !== undefined)
    report(
      'DPS_INSTANCES',
      `has DPS_ID_SCOPE as instance "${sameScope[0]}" too; leave that one out: groups without dps use it`,
    );
  const accessIssue = accessIssueOf(env);
  if (accessIssue !== undefined) report(accessIssue.path as SettingName, accessIssue.message);
  const { httpAccess, groupRoles } = readEarlyConfig(env);
  if (httpAccess === 'keys' && groupRoles.size > 0) {
    report(
      'GROUP_ROLES',
      'limits signed-in callers, but callers use keys, which have no limits; set HTTP_ACCESS=entra, or remove it',
    );
  }
  if (given.ALLOW_PRIVATE_URLS === 'all' && isAzure(env)) {
    report(
      'ALLOW_PRIVATE_URLS',
      'is "all" in Azure, where a group could send DPS to services of its own network; use est or none',
    );
  }
  return issues;
}

function isCertificateFile(path: string): boolean {
  try {
    return new X509Certificate(readFileSync(path)).raw.length > 0;
  } catch {
    return false;
  }
}

function toConfig(set: Settings, env: Environment): Config {
  const hostName = isAzure(env) ? env['WEBSITE_HOSTNAME'] : undefined;
  const apiUrl = set.PUBLIC_URL ?? (hostName && `https://${hostName}`);
  const { AzureWebJobsStorage: storage, CA_KEY_DIRECTORY: directory } = set;
  const otherHubs = Object.values(set.DPS_INSTANCES ?? {}).flatMap(({ hubs = {} }) => Object.entries(hubs));
  return {
    storage:
      storage !== undefined
        ? { connectionString: storage }
        : {
            blobServiceUri: set.DATA_BLOB_SERVICE_URI ?? present(set.AzureWebJobsStorage__blobServiceUri),
            queueServiceUri: present(set.AzureWebJobsStorage__queueServiceUri),
          },
    cosmos: {
      endpoint: set.COSMOS_ENDPOINT,
      database: set.COSMOS_DATABASE,
      ...(set.COSMOS_KEY !== undefined && { key: set.COSMOS_KEY }),
    },
    ...dpsConfig(set),
    hub: {
      ...(set.HUB_CONNECTION_STRING !== undefined && { connectionString: set.HUB_CONNECTION_STRING }),
      ...(otherHubs.length > 0 && { others: Object.fromEntries(otherHubs) }),
      registryOperationsPerMinute: set.HUB_REGISTRY_OPERATIONS_PER_MINUTE,
      queriesPerMinute: set.HUB_QUERIES_PER_MINUTE,
    },
    keys:
      directory !== undefined
        ? { directory }
        : { vaultUrl: present(set.KEY_VAULT_URL), protection: set.CA_KEY_PROTECTION },
    auditKeys:
      set.AUDIT_KEY_DIRECTORY !== undefined
        ? { directory: set.AUDIT_KEY_DIRECTORY }
        : { vaultUrl: present(set.AUDIT_VAULT_URL) },
    ...(set.CA_SIGNING_JOURNAL !== undefined && { signingJournal: set.CA_SIGNING_JOURNAL }),
    ...(set.EST_URL !== undefined && {
      est: {
        url: set.EST_URL,
        ...(set.EST_TRUSTED_CA_FILE !== undefined && { trustedCaPem: readFileSync(set.EST_TRUSTED_CA_FILE, 'utf8') }),
      },
    }),
    rootCaName: set.ROOT_CA_NAME,
    allowPlainKeys: set.ALLOW_PLAIN_KEYS,
    privateUrls: set.ALLOW_PRIVATE_URLS,
    events: {
      ...(apiUrl && { apiUrl }),
      announceAssigned: set.ASSIGNED_EVENTS,
      ...(set.EVENT_GRID_ENDPOINT !== undefined && { eventGridEndpoint: set.EVENT_GRID_ENDPOINT }),
    },
    chunkRows: set.CHUNK_ROWS,
    ...(set.BUNDLE_RETENTION_DAYS !== undefined && { bundleRetentionDays: set.BUNDLE_RETENTION_DAYS }),
    retention: {
      ...(set.SCRAPPED_DEVICE_RETENTION_DAYS !== undefined && {
        scrappedDeviceDays: set.SCRAPPED_DEVICE_RETENTION_DAYS,
      }),
      ...(set.JOB_RETENTION_DAYS !== undefined && { jobDays: set.JOB_RETENTION_DAYS }),
      ...(set.DEAD_LETTER_RETENTION_DAYS !== undefined && { deadLetterDays: set.DEAD_LETTER_RETENTION_DAYS }),
      ...(set.FINDING_RETENTION_DAYS !== undefined && { findingDays: set.FINDING_RETENTION_DAYS }),
    },
    ...(set.AZURE_CLIENT_ID !== undefined && { identityClientId: set.AZURE_CLIENT_ID }),
  };
}

function dpsConfig(set: Settings): Pick<Config, 'dps' | 'moreDps'> {
  const { DPS_CONNECTION_STRING: connectionString, DPS_INSTANCES: instances } = set;
  const common = { globalEndpoint: set.DPS_GLOBAL_ENDPOINT, operationsPerMinute: set.DPS_OPERATIONS_PER_MINUTE };
  const place = connectionString !== undefined ? { connectionString } : { serviceHost: present(set.DPS_SERVICE_HOST) };
  const dps = { ...place, ...common, idScope: set.DPS_ID_SCOPE };
  if (instances === undefined) return { dps };
  const more = Object.entries(instances).map(
    ([name, { globalEndpoint, operationsPerMinute, hubs: _hubs, ...instance }]) => {
      const own = {
        globalEndpoint: globalEndpoint ?? common.globalEndpoint,
        operationsPerMinute: operationsPerMinute ?? common.operationsPerMinute,
      };
      return [name, { ...instance, ...own }] as const;
    },
  );
  return { dps, moreDps: Object.fromEntries(more) };
}

function sameText(first: string, second: string | undefined): boolean {
  return first.toLowerCase() === second?.toLowerCase();
}

/** Narrows a setting that crossIssues() has found to be set. */
function present(value: string | undefined): string {
  if (value === undefined) throw new FleetError('internal', 'A checked setting is missing.');
  return value;
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part);
  return Object.freeze(value);
}

/** The schedule of the timer `sweep`, which is registered before the settings are checked. */
export function readSweepSchedule(env: Environment = process.env): string {
  return sweepSchedule(env);
}
