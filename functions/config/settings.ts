import * as z from 'zod';
import { FleetError } from '../../lib/errors.ts';
import { privateUrls } from '../../lib/groups/url-rule.ts';
import { dpsInstances } from './dps-instances.ts';
import { groupRoles } from './group-roles.ts';
import { isNcrontab } from './ncrontab.ts';
import { nightly } from './sweep-schedule.ts';

/*
 * The schema of the app's settings. Each is declared once, with its meaning and its expected value. functions/config.ts reads
 * settings by it, docs/settings.md is generated from it, and the Bicep files are tested against it.
 */

/** The documentation of a setting. Type and default come from the schema. */
export interface SettingMeta {
  /** One or more sentences. */
  readonly description: string;
  /** The expected value, in words. It ends the sentence "CHUNK_ROWS is "0"; expected …". */
  readonly expected: string;
  readonly group: 'storage' | 'cosmos' | 'dps' | 'keys' | 'work' | 'events' | 'access' | 'host';
  /** Where the setting is used. */
  readonly where: 'azure' | 'local' | 'both';
  /** Who reads it. Some are only checked here and read by the Functions host. */
  readonly reader: 'app' | 'host' | 'both';
  /** True for a secret: an error does not show its value. */
  readonly secret?: true;
}

const registry = z.registry<SettingMeta>();

// Plain HTTP is for emulators on this machine only: it would send tokens in the clear.
const serviceUrl = () =>
  z
    .string()
    .refine((text) => {
      const url = URL.parse(text);
      if (url === null || url.username !== '' || url.search !== '' || url.hash !== '') return false;
      return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
    })
    .transform((text) => text.replace(/\/+$/, ''));

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]';
}

const connectionString = (...parts: readonly string[]) =>
  z.string().refine((text) => {
    const names = text.split(';').map((pair) => pair.slice(0, Math.max(0, pair.indexOf('='))).trim());
    return parts.every((part) => names.includes(part));
  });

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .refine((value) => value >= least && value <= most);

// The portal and deployment tools write both true and True.
const flag = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['true', 'false']))
  .transform((text) => text === 'true');

const hostName = z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i);

const iotPolicy = connectionString('HostName', 'SharedAccessKeyName', 'SharedAccessKey');

const idScope = z.string().regex(/^0n[0-9a-z]{4,62}$/i);

const globalEndpoint = z
  .string()
  .transform((text) => (text.includes('://') ? text : `https://${text}`))
  .pipe(serviceUrl());

const mostOperations = 100_000;

export const settings = z.object({
  AzureWebJobsStorage: z
    .union([z.literal('UseDevelopmentStorage=true'), connectionString('AccountName', 'AccountKey')])
    .optional()
    .register(registry, {
      description: 'Storage account of manifests, bundles, reports and queues.',
      expected: 'a connection string with AccountName and AccountKey, or UseDevelopmentStorage=true',
      group: 'storage',
      where: 'local',
      reader: 'both',
      secret: true,
    }),
  AzureWebJobsStorage__blobServiceUri: serviceUrl().optional().register(registry, {
    description: 'Blob endpoint of the storage account.',
    expected: 'an https URL such as https://account.blob.core.windows.net',
    group: 'storage',
    where: 'azure',
    reader: 'both',
  }),
  AzureWebJobsStorage__queueServiceUri: serviceUrl().optional().register(registry, {
    description: 'Queue endpoint of the same account.',
    expected: 'an https URL such as https://account.queue.core.windows.net',
    group: 'storage',
    where: 'azure',
    reader: 'both',
  }),
  DATA_BLOB_SERVICE_URI: serviceUrl().optional().register(registry, {
    description:
      'Blob endpoint of the storage account of the data, where the host has another account for itself, as that of the EST server has. Not set: AzureWebJobsStorage__blobServiceUri.',
    expected: 'an https URL such as https://account.blob.core.windows.net',
    group: 'storage',
    where: 'azure',
    reader: 'app',
  }),
  AzureWebJobsStorage__credential: z.literal('managedidentity').optional().register(registry, {
    description: 'Makes the triggers of the host use the identity of AzureWebJobsStorage__clientId.',
    expected: 'managedidentity',
    group: 'storage',
    where: 'azure',
    reader: 'host',
  }),
  AzureWebJobsStorage__clientId: z.guid().optional().register(registry, {
    description: 'Identity that the triggers of the host use.',
    expected: 'the client id (GUID) of AZURE_CLIENT_ID',
    group: 'storage',
    where: 'azure',
    reader: 'host',
  }),
  COSMOS_ENDPOINT: serviceUrl().register(registry, {
    description: 'Cosmos DB for NoSQL account.',
    expected: 'an https URL such as https://account.documents.azure.com:443 (http only on this machine)',
    group: 'cosmos',
    where: 'both',
    reader: 'app',
  }),
  COSMOS_KEY: z.base64().min(1).optional().register(registry, {
    description: 'Key of the Cosmos DB emulator.',
    expected: 'a base64 key, or no value with managed identity',
    group: 'cosmos',
    where: 'local',
    reader: 'app',
    secret: true,
  }),
  COSMOS_DATABASE: z
    .string()
    // Cosmos DB resource ids: up to 255 characters, without / \ ? #.
    .regex(/^[^/\\?#\s][^/\\?#]{0,254}$/)
    .default('fleet')
    .register(registry, {
      description: 'Database with the containers devices, jobs, groups, findings and dead-letters.',
      expected: 'a database name without / \\ ? #',
      group: 'cosmos',
      where: 'both',
      reader: 'app',
    }),
  DPS_SERVICE_HOST: hostName.optional().register(registry, {
    description: 'Host of the service API of DPS.',
    expected: 'a host name such as name.azure-devices-provisioning.net',
    group: 'dps',
    where: 'azure',
    reader: 'app',
  }),
  DPS_CONNECTION_STRING: iotPolicy.optional().register(registry, {
    description: 'Connection string of the DPS emulator.',
    expected: 'a connection string with HostName, SharedAccessKeyName and SharedAccessKey',
    group: 'dps',
    where: 'local',
    reader: 'app',
    secret: true,
  }),
  DPS_ID_SCOPE: idScope.register(registry, {
    description: 'ID scope of DPS, written into every bundle.',
    expected: 'an ID scope such as 0ne00000000',
    group: 'dps',
    where: 'both',
    reader: 'app',
  }),
  DPS_GLOBAL_ENDPOINT: globalEndpoint.default('https://global.azure-devices-provisioning.net').register(registry, {
    description: 'Endpoint that devices register at, written into every bundle. Sovereign clouds have their own.',
    expected: 'a host name or an https URL',
    group: 'dps',
    where: 'both',
    reader: 'app',
  }),
  // The published quota of DPS: 1,000 operations per minute and instance.
  // https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits
  DPS_OPERATIONS_PER_MINUTE: wholeNumber(1, mostOperations).default(1000).register(registry, {
    description:
      'Most operations per minute on individual enrollments and registrations. The quota of one DPS instance is 1000.',
    expected: 'a whole number from 1 to 100000',
    group: 'dps',
    where: 'both',
    reader: 'app',
  }),
  DPS_INSTANCES: dpsInstances({
    idScope,
    serviceHost: hostName,
    connectionString: iotPolicy,
    globalEndpoint,
    operationsPerMinute: z.int().min(1).max(mostOperations),
  })
    .optional()
    .register(registry, {
      description:
        'More DPS instances, for a fleet that one does not hold (docs/stamps.md). JSON with one member per name, which enrollment groups have as their setting `dps`. That of the settings DPS_* is the instance `default`, and gives what an instance leaves out of globalEndpoint and operationsPerMinute.',
      expected:
        'JSON such as {"west": {"idScope": "0ne00000001", "serviceHost": "name.azure-devices-provisioning.net"}}, with 20 instances at most, each with its own ID scope, and none named default',
      group: 'dps',
      where: 'both',
      reader: 'app',
      secret: true,
    }),
  // S1 and S2: 100 per minute and unit; S3: 5,000. DPS and deployments use the same quota.
  // https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling
  HUB_REGISTRY_OPERATIONS_PER_MINUTE: wholeNumber(1, 100_000).default(50).register(registry, {
    description:
      'Most operations per minute on identities, of all hubs together, when devices are suspended, revoked, restored or scrapped. One unit of S1 or S2 allows 100 (S3: 5,000), which DPS needs too when devices register. A device takes four.',
    expected: 'a whole number from 1 to 100000',
    group: 'dps',
    where: 'both',
    reader: 'app',
  }),
  // S1 and S2: 20 per minute and unit; S3: 1,000.
  // https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling
  HUB_QUERIES_PER_MINUTE: wholeNumber(1, 100_000).default(10).register(registry, {
    description:
      'Most queries per minute that a sweep makes of one hub. Each reads 100 identities. One unit of S1 or S2 allows 20, one of S3 1000; operators need them too.',
    expected: 'a whole number from 1 to 100000',
    group: 'dps',
    where: 'both',
    reader: 'app',
  }),
  HUB_CONNECTION_STRING: connectionString('HostName', 'SharedAccessKeyName', 'SharedAccessKey')
    .optional()
    .register(registry, {
      description: 'Connection string of the IoT Hub emulator.',
      expected: 'a connection string with HostName, SharedAccessKeyName and SharedAccessKey',
      group: 'dps',
      where: 'local',
      reader: 'app',
      secret: true,
    }),
  KEY_VAULT_URL: serviceUrl().optional().register(registry, {
    description: 'Key Vault of the CA keys. A vault at localhost is an emulator and gets no real token.',
    expected: 'an https URL such as https://name.vault.azure.net',
    group: 'keys',
    where: 'azure',
    reader: 'app',
  }),
  CA_KEY_PROTECTION: z.enum(['software', 'hsm']).default('software').register(registry, {
    description:
      'How CA keys that are made or imported from now on are protected in the Key Vault. hsm: in a hardware security module (EC-HSM, RSA-HSM), which they cannot leave; the vault has to be of the SKU premium. CAs that exist keep their keys. `fleet ca show` says which kind each key is.',
    expected: 'software or hsm',
    group: 'keys',
    where: 'azure',
    reader: 'app',
  }),
  AUDIT_VAULT_URL: serviceUrl().optional().register(registry, {
    description:
      'Key Vault of the key that signs the audit trail. It has to be another vault than that of the CA keys: a right to issue certificates must not be a right to sign another audit trail.',
    expected: 'an https URL such as https://name.vault.azure.net',
    group: 'keys',
    where: 'azure',
    reader: 'app',
  }),
  AUDIT_KEY_DIRECTORY: z.string().min(1).optional().register(registry, {
    description:
      'Directory of the key that signs the audit trail (a file of mode 0600), without a Key Vault. It has to be another one than that of the CA keys.',
    expected: 'a directory that this process may write to',
    group: 'keys',
    where: 'local',
    reader: 'app',
  }),
  CA_KEY_DIRECTORY: z.string().min(1).optional().register(registry, {
    description: 'Directory of CA keys (files of mode 0600), without a Key Vault.',
    expected: 'a directory that this process may write to',
    group: 'keys',
    where: 'local',
    reader: 'app',
  }),
  CA_SIGNING_JOURNAL: z.string().min(1).optional().register(registry, {
    description: 'File with one line of JSON per signature of a CA key. For tests: it grows without limit.',
    expected: 'a file that this process may append to',
    group: 'keys',
    where: 'local',
    reader: 'app',
  }),
  ROOT_CA_NAME: z
    .string()
    // RFC 5280, appendix A.1: ub-common-name is 64.
    .regex(/^[\p{L}\p{N}][\p{L}\p{N} .,'()_-]{0,63}$/u)
    .default('Fleet root CA')
    .register(registry, {
      description: 'Common name of the root certificate, used when it is created.',
      expected: "1 to 64 letters, digits, spaces and . , ' ( ) _ -, with a letter or digit first",
      group: 'keys',
      where: 'both',
      reader: 'app',
    }),
  EST_URL: serviceUrl()
    .refine((text) => URL.parse(text)?.pathname === '/')
    .optional()
    .register(registry, {
      description:
        'Address of the EST server of this deployment, which is written into bundles: groups with `est: "fleet"` renew their certificates there. Not set: the deployment has none, and refuses such groups.',
      expected: 'an https URL without a path, such as https://fleet-est.azurewebsites.net',
      group: 'keys',
      where: 'both',
      reader: 'app',
    }),
  EST_TRUSTED_CA_FILE: z.string().min(1).optional().register(registry, {
    description:
      'File of the CA certificate that the EST server is trusted by. It is written into bundles, for devices that do not trust the server otherwise. In Azure the server has a certificate that every system trusts.',
    expected: 'a PEM file that this process may read',
    group: 'keys',
    where: 'local',
    reader: 'app',
  }),
  ALLOW_PLAIN_KEYS: flag.default(false).register(registry, {
    description: 'Allows key custody "plain": private keys in unencrypted bundles.',
    expected: 'true or false',
    group: 'keys',
    where: 'both',
    reader: 'app',
  }),
  BUNDLE_RETENTION_DAYS: wholeNumber(1, 36500).optional().register(registry, {
    description:
      'Days after which the lifecycle rule of the storage account deletes bundles. The app deletes nothing; it stops showing the link of a bundle that is older, and answers 410 once it is deleted. Not set: bundles are kept.',
    expected: 'a whole number from 1 to 36500',
    group: 'work',
    where: 'azure',
    reader: 'app',
  }),
  SCRAPPED_DEVICE_RETENTION_DAYS: wholeNumber(1, 36500).optional().register(registry, {
    description:
      'Days after which the record of a scrapped device is deleted, once its last certificate has ended too. With it goes its block in DPS. Not set: records are kept (docs/retention.md).',
    expected: 'a whole number from 1 to 36500, or no value',
    group: 'work',
    where: 'both',
    reader: 'app',
  }),
  // A message that failed waits in its queue for days, and asks for its job when it comes again.
  JOB_RETENTION_DAYS: wholeNumber(30, 36500).optional().register(registry, {
    description:
      'Days after its end after which a job is deleted, with what it counted per chunk. Its manifest and its reports have their own time. Not set: jobs are kept (docs/retention.md).',
    expected: 'a whole number from 30 to 36500, or no value',
    group: 'work',
    where: 'both',
    reader: 'app',
  }),
  DEAD_LETTER_RETENTION_DAYS: wholeNumber(1, 36500).optional().register(registry, {
    description:
      'Days after which a dead letter that was redriven or discarded is deleted. One that waits never is. Not set: all are kept (docs/retention.md).',
    expected: 'a whole number from 1 to 36500, or no value',
    group: 'work',
    where: 'both',
    reader: 'app',
  }),
  FINDING_RETENTION_DAYS: wholeNumber(1, 36500).optional().register(registry, {
    description:
      'Days after which a finding that is gone is deleted. Any other one never is. Not set: all are kept (docs/retention.md).',
    expected: 'a whole number from 1 to 36500, or no value',
    group: 'work',
    where: 'both',
    reader: 'app',
  }),
  ALLOW_PRIVATE_URLS: z.enum(privateUrls).default('none').register(registry, {
    description:
      'Which URLs in the definition of an enrollment group may name a private address. none: no URL. est: EST servers, which only devices call. all: webhooks too, and over http, for emulators; refused in Azure.',
    expected: 'none, est or all (all only on one machine)',
    group: 'access',
    where: 'both',
    reader: 'app',
  }),
  CHUNK_ROWS: wholeNumber(1, 1000).default(400).register(registry, {
    description: 'Rows per chunk, at most.',
    expected: 'a whole number from 1 to 1000',
    group: 'work',
    where: 'both',
    reader: 'app',
  }),
  // The host holds a whole body in memory, and more than once. Measured on host 4.1037 with 2,048 MB: one of 95 MB takes it to
  // 1,362 MB, and three at once fill the instance.
  MAX_UPLOAD_MIB: wholeNumber(1, 100).default(32).register(registry, {
    description:
      'Longest manifest in the body of a request, in MiB. The host has the whole of it in memory, so it follows the memory of an instance: 32 for 2,048 MB, 64 for 4,096 MB. A longer one is uploaded to blob storage (POST /api/uploads).',
    expected: 'a whole number from 1 to 100',
    group: 'work',
    where: 'both',
    reader: 'app',
  }),
  RECONCILE_SCHEDULE: z
    .string()
    // The host resolves %RECONCILE_SCHEDULE% itself. It is checked here too, so that a mistake is reported with all others;
    // the host would only leave the function out.
    .refine(isNcrontab)
    .register(registry, {
      description: 'When reconcile-registrations asks DPS which devices have registered. NCRONTAB, UTC.',
      expected: 'six fields {second} {minute} {hour} {day} {month} {day of week}, such as 0 */10 * * * *',
      group: 'work',
      where: 'both',
      reader: 'host',
    }),
  SWEEP_SCHEDULE: z.string().default(nightly).refine(isNcrontab).register(registry, {
    description:
      'When a sweep begins: it looks at all groups, enrollments, registrations, device records and hub identities, with a quarter of the quota of DPS (DPS_OPERATIONS_PER_MINUTE) and of a hub what HUB_QUERIES_PER_MINUTE and HUB_REGISTRY_OPERATIONS_PER_MINUTE allow. One that is under way goes on at RECONCILE_SCHEDULE. NCRONTAB, UTC.',
    expected: 'six fields {second} {minute} {hour} {day} {month} {day of week}, such as 0 0 1 * * *',
    group: 'work',
    where: 'both',
    reader: 'host',
  }),
  PUBLIC_URL: serviceUrl().optional().register(registry, {
    description:
      'Address of this app, as others reach it: the source of its events, and the beginning of their links. Not set: https://WEBSITE_HOSTNAME in Azure.',
    expected: 'an https URL such as https://fleet.example.com',
    group: 'events',
    where: 'both',
    reader: 'app',
  }),
  ASSIGNED_EVENTS: flag.default(false).register(registry, {
    description:
      'Announces each device that DPS assigns (fleet.device.assigned). Costs one write to Cosmos DB per device (docs/integrations.md).',
    expected: 'true or false',
    group: 'events',
    where: 'both',
    reader: 'app',
  }),
  EVENT_GRID_ENDPOINT: serviceUrl().optional().register(registry, {
    description: 'Event Grid topic with the input schema CloudEvents 1.0 that gets all events too.',
    expected: 'an https URL such as https://name.westeurope-1.eventgrid.azure.net/api/events',
    group: 'events',
    where: 'azure',
    reader: 'app',
  }),
  HTTP_ACCESS: z.enum(['keys', 'entra']).default('keys').register(registry, {
    description:
      'Who may call the API. keys: holders of a function key. entra: signed-in users, by app role (reader, submitter, operator).',
    expected: 'keys or entra',
    group: 'access',
    where: 'both',
    reader: 'app',
  }),
  PLATFORM_SIGN_IN: flag.default(false).register(registry, {
    description:
      'With HTTP_ACCESS=entra: true if this deployment turned built-in authentication on. It counts where the platform itself does not say (WEBSITE_AUTH_ENABLED); what the platform says goes first. Without either, the app refuses every request.',
    expected: 'true or false',
    group: 'access',
    where: 'azure',
    reader: 'app',
  }),
  LOCAL_TRUST_PRINCIPAL_HEADER: flag.default(false).register(registry, {
    description:
      'For tests on one machine, with HTTP_ACCESS=entra: believes the header x-ms-client-principal of any caller. In Azure the app refuses every request while it is true.',
    expected: 'true or false, and no value in Azure',
    group: 'access',
    where: 'local',
    reader: 'app',
  }),
  GROUP_ROLES: groupRoles.optional().register(registry, {
    description:
      'With HTTP_ACCESS=entra: roles that are limited to enrollment groups. JSON with one member per app role value, or per object id of a security group, user or application.',
    expected:
      'JSON such as {"line7-submitter": {"role": "submitter", "enrollmentGroups": ["line7"]}}, with 100 groups at most',
    group: 'access',
    where: 'both',
    reader: 'app',
  }),
  AZURE_CLIENT_ID: z.guid().optional().register(registry, {
    description: 'User-assigned managed identity that the app uses for every service.',
    expected: 'the client id (GUID) of a managed identity',
    group: 'access',
    where: 'azure',
    reader: 'app',
  }),
  TELEMETRY: z.enum(['auto', 'console', 'off']).default('auto').register(registry, {
    description:
      'Where spans and metrics go. auto: to Application Insights if APPLICATIONINSIGHTS_CONNECTION_STRING is set. console: to the output of the process.',
    expected: 'auto, console or off',
    group: 'host',
    where: 'both',
    reader: 'app',
  }),
  APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString('InstrumentationKey').optional().register(registry, {
    description: 'Application Insights resource of the telemetry. Not a secret: it gives no access.',
    expected: 'a connection string with InstrumentationKey',
    group: 'host',
    where: 'azure',
    reader: 'both',
  }),
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: z
    .string()
    .regex(/^Authorization=AAD(;ClientId=[0-9a-f-]{36})?$/i)
    .optional()
    .register(registry, {
      description: 'Makes the host send telemetry with the managed identity.',
      expected: 'Authorization=AAD;ClientId=<client id>',
      group: 'host',
      where: 'azure',
      reader: 'host',
    }),
  OTEL_TRACES_SAMPLER: z.literal('microsoft.fixed_percentage').optional().register(registry, {
    description:
      'How the host chooses the traces that it sends, and with them the log lines. Its default sends five traces a second, and drops the lines of the others.',
    expected: 'microsoft.fixed_percentage',
    group: 'host',
    where: 'azure',
    reader: 'host',
  }),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(?:1(?:\.0+)?|0?\.\d+)$/)
    .optional()
    .register(registry, {
      description: 'Share of the traces that the host sends. Alerts read the log, so less than all of it loses alerts.',
      expected: 'a number above 0, and 1.0 at most',
      group: 'host',
      where: 'azure',
      reader: 'host',
    }),
  AZURE_TRACING_DISABLED: flag.optional().register(registry, {
    description:
      'Leaves out the spans of the requests that the host itself makes of storage, such as each poll of an idle queue. Spans and log lines of this app stay.',
    expected: 'true or false',
    group: 'host',
    where: 'azure',
    reader: 'host',
  }),
});

export type SettingName = keyof typeof settings.shape;
export type Settings = z.output<typeof settings>;

export const settingNames = Object.keys(settings.shape) as readonly SettingName[];

/** The documentation of a setting. */
export function settingMeta(name: SettingName): SettingMeta {
  const meta = registry.get(settings.shape[name]);
  if (meta === undefined) throw new FleetError('internal', `The setting ${name} is not documented.`);
  return meta;
}
