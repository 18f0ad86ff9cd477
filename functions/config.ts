import { excerpt, FleetError, type Issue } from '../lib/errors.ts';
import { type SettingName, type Settings, settingMeta, settingNames, settings } from './config/settings.ts';

/**
 * The app's settings, read and checked: the one module that reads the environment. What each means and what is expected
 * stands in config/settings.ts.
 *
 * Where there are two ways to reach a service, identity in Azure or a key on one machine, the config has one shape a way
 * and callers tell them apart by the property that is there: `'connectionString' in config.storage`.
 */
export interface Config {
  readonly storage:
    | { readonly connectionString: string }
    | { readonly blobServiceUri: string; readonly queueServiceUri: string };
  /** With `key` on the local stack; without it by managed identity. */
  readonly cosmos: { readonly endpoint: string; readonly key?: string; readonly database: string };
  readonly dps: (
    | { readonly connectionString: string }
    /** Host name of the service API, without scheme. */
    | { readonly serviceHost: string }
  ) & {
    readonly idScope: string;
    /** URL, as it stands in a device's configuration. */
    readonly globalEndpoint: string;
    readonly operationsPerMinute: number;
  };
  /** Without a connection string, each hub is reached by its own host name and managed identity. */
  readonly hub: { readonly connectionString?: string };
  readonly keys: { readonly vaultUrl: string } | { readonly directory: string };
  /** File that notes what CA keys sign. */
  readonly signingJournal?: string;
  readonly rootCaName: string;
  readonly allowPlainKeys: boolean;
  readonly chunkRows: number;
  /** Who may call: holders of a function key, or signed-in users by their app role. */
  readonly httpAccess: 'keys' | 'entra';
  /** Of the user-assigned identity; absent means the default credential of the machine. */
  readonly identityClientId?: string;
}

/**
 * Reads and checks all settings. An empty setting counts as not set, since the portal and Bicep write both.
 * @throws FleetError `setting-invalid` with every fault, each under its setting's name
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(settingNames.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
  const parsed = settings.safeParse(given);
  const wrong = new Set(parsed.error?.issues.map((issue) => issue.path[0] as SettingName));
  const faults = [...[...wrong].map((name) => faultOf(name, given[name])), ...crossFaults(given, env, wrong)];
  if (!parsed.success || faults.length > 0) {
    const list = faults.map(({ path, message }) => `${path} ${message}`).join('; ');
    throw new FleetError('setting-invalid', `${faults.length} settings are wrong: ${list}.`, { faults });
  }
  return deepFreeze(toConfig(parsed.data));
}

function faultOf(name: SettingName, value: string | undefined): Issue {
  const { expected, secret } = settingMeta(name);
  if (value === undefined) return { path: name, message: `is not set; expected ${expected}` };
  const found = secret ? 'has another form' : `is "${excerpt(value)}"`;
  return { path: name, message: `${found}; expected ${expected}` };
}

/**
 * Who lets callers in. Looked at alone, like httpAuthLevel(), so that a caller is known before any other setting is: what
 * is wrong with those is nothing for whom nobody let in.
 * @throws FleetError `setting-invalid` where signed-in users are believed in and nobody signs them in
 */
export function httpAccess(env: NodeJS.ProcessEnv = process.env): Config['httpAccess'] {
  if (httpAuthLevel(env) === 'function') return 'keys';
  const message = unguarded(env);
  if (message === undefined) return 'entra';
  const faults = [{ path: 'HTTP_ACCESS', message }];
  throw new FleetError('setting-invalid', `HTTP_ACCESS ${message}.`, { faults });
}

/**
 * The platform takes the principal's headers off every request only where built-in authentication is on; without it
 * anybody could send them. It sets WEBSITE_AUTH_ENABLED itself, and WEBSITE_SITE_NAME says that this is Azure.
 */
function unguarded(env: NodeJS.ProcessEnv): string | undefined {
  if (env['HTTP_ACCESS'] !== 'entra' || !env['WEBSITE_SITE_NAME']) return undefined;
  if (/^true$/i.test(env['WEBSITE_AUTH_ENABLED'] ?? '')) return undefined;
  return 'is "entra", but built-in authentication is off for this app; turn it on, or use keys';
}

/**
 * What the host asks of a caller before a function runs. Functions are registered while the app loads, when a wrong setting
 * must not keep them from being listed; so this looks at the one setting, and anything but `entra` means a key. With
 * `entra` it is built-in authentication that lets callers in, and lib/access that asks for their role.
 */
export function httpAuthLevel(env: NodeJS.ProcessEnv = process.env): 'function' | 'anonymous' {
  return env['HTTP_ACCESS'] === 'entra' ? 'anonymous' : 'function';
}

/** Where spans and figures go; the log goes its own way, through the host. */
export type TelemetrySettings =
  | { readonly to: 'nobody' }
  | ({ readonly serviceName: string; readonly instanceId: string } & (
      | { readonly to: 'console' }
      | { readonly to: 'azure'; readonly connectionString: string; readonly identityClientId?: string }
    ));

/** Looked at while the app loads, as httpAuthLevel() is; readConfig() names what is wrong here. */
export function telemetrySettings(env: NodeJS.ProcessEnv = process.env): TelemetrySettings {
  const { TELEMETRY, APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString } = env;
  // The platform names app and instance; on one machine there is one of each.
  const name = {
    serviceName: env['WEBSITE_SITE_NAME'] || 'fleet-orchestrator',
    instanceId: env['WEBSITE_INSTANCE_ID'] || String(process.pid),
  };
  if (TELEMETRY === 'off') return { to: 'nobody' };
  if (TELEMETRY === 'console') return { to: 'console', ...name };
  if (!connectionString) return { to: 'nobody' };
  const identityClientId = env['AZURE_CLIENT_ID'];
  return { to: 'azure', connectionString, ...name, ...(identityClientId && { identityClientId }) };
}

type Given = Readonly<Partial<Record<SettingName, string>>>;

/** Rules that span settings. A setting that is wrong by itself is not named a second time. */
function crossFaults(given: Given, env: NodeJS.ProcessEnv, wrong: ReadonlySet<SettingName>): Issue[] {
  const faults: Issue[] = [];
  const fault = (path: SettingName, message: string) => {
    if (!wrong.has(path)) faults.push({ path, message });
  };
  const oneOf = (local: SettingName, azure: readonly [SettingName, ...SettingName[]]) => {
    const present = azure.filter((name) => given[name] !== undefined);
    if (given[local] !== undefined && present.length > 0) {
      fault(local, `is set beside ${present.join(' and ')}; keep one: identity in Azure, ${local} on one machine`);
    } else if (given[local] === undefined) {
      const missing = azure.filter((name) => given[name] === undefined);
      for (const name of missing) {
        const other = missing.length === azure.length ? `, or ${local} on one machine` : '';
        fault(name, `is not set; expected ${settingMeta(name).expected}${other}`);
      }
    }
  };

  oneOf('AzureWebJobsStorage', ['AzureWebJobsStorage__blobServiceUri', 'AzureWebJobsStorage__queueServiceUri']);
  oneOf('DPS_CONNECTION_STRING', ['DPS_SERVICE_HOST']);
  oneOf('CA_KEY_DIRECTORY', ['KEY_VAULT_URL']);

  const { AzureWebJobsStorage__clientId: hostIdentity, AZURE_CLIENT_ID: appIdentity } = given;
  if (hostIdentity !== undefined && hostIdentity !== appIdentity) {
    fault('AzureWebJobsStorage__clientId', `differs from AZURE_CLIENT_ID; host and app use one identity`);
  }
  if (hostIdentity !== undefined && given.AzureWebJobsStorage__credential === undefined) {
    fault('AzureWebJobsStorage__credential', 'is not set; expected managedidentity');
  }
  if (given.COSMOS_ENDPOINT?.startsWith('http:') && given.COSMOS_KEY === undefined) {
    fault('COSMOS_KEY', 'is not set; a stand-in that is reached over http takes no managed identity');
  }
  const unguardedAccess = unguarded(env);
  if (unguardedAccess !== undefined) fault('HTTP_ACCESS', unguardedAccess);
  return faults;
}

function toConfig(set: Settings): Config {
  const { AzureWebJobsStorage: storage, DPS_CONNECTION_STRING: dps, CA_KEY_DIRECTORY: directory } = set;
  return {
    storage:
      storage !== undefined
        ? { connectionString: storage }
        : {
            blobServiceUri: present(set.AzureWebJobsStorage__blobServiceUri),
            queueServiceUri: present(set.AzureWebJobsStorage__queueServiceUri),
          },
    cosmos: {
      endpoint: set.COSMOS_ENDPOINT,
      database: set.COSMOS_DATABASE,
      ...(set.COSMOS_KEY !== undefined && { key: set.COSMOS_KEY }),
    },
    dps: {
      ...(dps !== undefined ? { connectionString: dps } : { serviceHost: present(set.DPS_SERVICE_HOST) }),
      idScope: set.DPS_ID_SCOPE,
      globalEndpoint: set.DPS_GLOBAL_ENDPOINT,
      operationsPerMinute: set.DPS_OPERATIONS_PER_MINUTE,
    },
    hub: { ...(set.HUB_CONNECTION_STRING !== undefined && { connectionString: set.HUB_CONNECTION_STRING }) },
    keys: directory !== undefined ? { directory } : { vaultUrl: present(set.KEY_VAULT_URL) },
    ...(set.CA_SIGNING_JOURNAL !== undefined && { signingJournal: set.CA_SIGNING_JOURNAL }),
    rootCaName: set.ROOT_CA_NAME,
    allowPlainKeys: set.ALLOW_PLAIN_KEYS,
    chunkRows: set.CHUNK_ROWS,
    httpAccess: set.HTTP_ACCESS,
    ...(set.AZURE_CLIENT_ID !== undefined && { identityClientId: set.AZURE_CLIENT_ID }),
  };
}

/** For settings whose presence crossFaults() has made sure of. */
function present(value: string | undefined): string {
  if (value === undefined) throw new FleetError('internal', 'A checked setting is not there.');
  return value;
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part);
  return Object.freeze(value);
}
