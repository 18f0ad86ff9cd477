import { join, resolve } from 'node:path';
import type { ParseArgsOptionsConfig } from 'node:util';
import { oneOf, parseOptions, portNumber, UsageError, wholeNumber } from '../command-line.ts';
import { eventSchemas } from './hub/device-event.ts';
import {
  accessRights,
  type DeviceEventOptions,
  type DpsEmulatorOptions,
  documentedHubLimits,
  documentedQuotas,
  type HubLimits,
  hubTiers,
  type LinkedHub,
  type Quotas,
  wellKnownKey,
} from './options.ts';

const optionSyntax = {
  port: { type: 'string', default: '8443' },
  host: { type: 'string', default: '127.0.0.1' },
  state: { type: 'string', default: '.local/dps' },
  tls: { type: 'string' },
  'id-scope': { type: 'string', default: '0ne00000000' },
  'service-host': { type: 'string', default: 'localhost' },
  hub: { type: 'string', multiple: true, default: ['localhost'] },
  'hub-tier': { type: 'string' },
  'hub-units': { type: 'string', default: '1' },
  storage: { type: 'string' },
  'device-events': { type: 'string' },
  'device-events-schema': { type: 'string', default: 'eventGrid' },
  key: { type: 'string' },
  'retry-after': { type: 'string', default: '3' },
  'allow-http-webhooks': { type: 'boolean', default: false },
  'operations-per-minute': { type: 'string' },
  'registrations-per-minute': { type: 'string' },
  'polls-per-10-seconds': { type: 'string' },
  'x509-groups': { type: 'string' },
  'symmetric-key-groups': { type: 'string' },
  'individual-enrollments': { type: 'string' },
  'ca-certificates': { type: 'string' },
} as const satisfies ParseArgsOptionsConfig;

const quotaOptions = {
  'operations-per-minute': 'operationsPerMinute',
  'registrations-per-minute': 'registrationsPerMinute',
  'polls-per-10-seconds': 'pollsPer10Seconds',
  'x509-groups': 'x509EnrollmentGroups',
  'symmetric-key-groups': 'symmetricKeyEnrollmentGroups',
  'individual-enrollments': 'individualEnrollments',
  'ca-certificates': 'caCertificates',
} as const satisfies Record<string, keyof Quotas>;

export const usage = `Usage: dps-emulator [options]

Azure's Device Provisioning Service and its linked IoT hubs, on one HTTPS port.

  --port N                port; 0 takes a free one (default: 8443)
  --host ADDRESS          address to listen on (default: 127.0.0.1)
  --state DIR             folder of the data (default: .local/dps)
  --tls DIR               folder of the local TLS CA and server certificate; created if missing (default: DIR/tls of --state)
  --id-scope TEXT         id scope of the service (default: 0ne00000000)
  --service-host NAME     host name that clients know DPS by (default: localhost)
  --hub NAME[,weight=N][,latency=MS]
                          a linked IoT hub; may be repeated (default: localhost)
  --hub-tier S1|S2|S3     throttle each hub as documented for its tier (default: no limits)
  --hub-units N           units of each hub, with --hub-tier (default: 1)
  --storage TEXT          connection string of the storage account that the hubs may use with their identity
  --device-events QUEUE   queue of --storage that gets an event for each created or deleted device (default: none)
  --device-events-schema eventGrid|cloudEvents
                          (default: eventGrid)
  --key BASE64            key of the policies provisioningserviceowner and iothubowner (default: a published one)
  --retry-after SECONDS   how long devices wait before they poll (default: 3)
  --allow-http-webhooks   accept http: URLs for custom allocation; DPS accepts https: only
  -h, --help              show this text

Quotas (default: the documented ones):
${Object.entries(quotaOptions)
  .map(([option, quota]) => `  --${`${option} N`.padEnd(28)}(default: ${documentedQuotas[quota]})\n`)
  .join('')}
Example: dps-emulator --state ./data/dps --hub hub-1.localhost,weight=3 --hub hub-2.localhost
`;

export interface DpsCommandLine {
  readonly options: Omit<DpsEmulatorOptions, 'tls' | 'dataFile'> &
    Required<Pick<DpsEmulatorOptions, 'idScope' | 'serviceHostName' | 'hubs'>>;
  readonly port: number;
  readonly host: string;
  /** Absolute. */
  readonly stateDirectory: string;
  /** Absolute. */
  readonly tlsDirectory: string;
}

/** @throws UsageError that names the option and the expected value */
export function readCommandLine(args: readonly string[]): DpsCommandLine {
  const values = parseOptions(args, optionSyntax);
  const stateDirectory = resolve(values.state);
  const key = values.key ?? wellKnownKey;
  return {
    options: {
      idScope: values['id-scope'],
      serviceHostName: values['service-host'].toLowerCase(),
      hubs: hubsOf(values.hub, key),
      policies: [{ name: 'provisioningserviceowner', primaryKey: key, rights: accessRights }],
      retryAfterSeconds: wholeNumber('retry-after', values['retry-after']),
      quotas: quotasOf(values),
      hubLimits: hubLimitsOf(values['hub-tier'], values['hub-units']),
      webhook: { allowHttp: values['allow-http-webhooks'] },
      storageConnectionString: values.storage,
      deviceEvents: deviceEventsOf(values),
    },
    port: portNumber(values.port),
    host: values.host,
    stateDirectory,
    tlsDirectory: resolve(values.tls ?? join(stateDirectory, 'tls')),
  };
}

function quotasOf(values: { readonly [option in keyof typeof quotaOptions]?: string }): Partial<Quotas> {
  const quotas: Partial<Record<keyof Quotas, number>> = {};
  for (const [option, quota] of Object.entries(quotaOptions) as [keyof typeof quotaOptions, keyof Quotas][]) {
    const text = values[option];
    if (text !== undefined) quotas[quota] = wholeNumber(option, text);
  }
  return quotas;
}

function deviceEventsOf(values: {
  storage?: string;
  'device-events'?: string;
  'device-events-schema': string;
}): DeviceEventOptions | undefined {
  const schema = oneOf('device-events-schema', values['device-events-schema'], eventSchemas);
  const queue = values['device-events'];
  if (queue === undefined) return undefined;
  if (values.storage === undefined) throw new UsageError('No storage account for --device-events. Set --storage TEXT.');
  return { connectionString: values.storage, queue, schema };
}

function hubLimitsOf(tierText: string | undefined, unitsText: string): HubLimits {
  const units = wholeNumber('hub-units', unitsText, [1, 200]);
  if (tierText === undefined) return {};
  const tier = hubTiers.find((each) => each.toLowerCase() === tierText.toLowerCase());
  if (tier === undefined) throw new UsageError(`Invalid value "${tierText}" for --hub-tier. Expected S1, S2 or S3.`);
  return documentedHubLimits(tier, units);
}

/** `hub-1.example.net,weight=10,latency=25` */
function hubsOf(texts: readonly string[], key: string): LinkedHub[] {
  return texts.map((text) => {
    const [hostName = '', ...settings] = text.split(',');
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(hostName))
      throw new UsageError(`Invalid value "${hostName}" for --hub. Expected a host name.`);
    const given = new Map(
      settings.map((setting): [string, string] => {
        const [name = '', value = ''] = setting.split('=');
        if (name !== 'weight' && name !== 'latency')
          throw new UsageError(`Unknown setting "${name}" in --hub. Expected weight or latency.`);
        return [name, value];
      }),
    );
    const weight = given.get('weight');
    const latency = given.get('latency');
    return {
      hostName: hostName.toLowerCase(),
      key,
      ...(weight === undefined ? {} : { weight: wholeNumber('hub weight', weight) }),
      ...(latency === undefined ? {} : { latencyMs: wholeNumber('hub latency', latency) }),
    };
  });
}
