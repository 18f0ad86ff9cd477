import { join, resolve } from 'node:path';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import {
  accessRights,
  type DpsStandInOptions,
  documentedQuotas,
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
  help: { type: 'boolean', short: 'h', default: false },
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

const usage = `Usage: node infra/local/dps/main.ts [options]

  --port N                      HTTPS port, 0 for a free one (8443)
  --host ADDRESS                address to listen on (127.0.0.1)
  --state DIR                   where everything is kept (.local/dps)
  --tls DIR                     the local TLS CA and server certificate, made if missing (DIR/tls of --state)
  --id-scope TEXT               (0ne00000000)
  --service-host NAME           host name that clients know DPS by (localhost)
  --hub NAME[,weight=N][,latency=MS]   a linked IoT hub; give it once a hub (localhost)
  --key BASE64                  key of the policies provisioningserviceowner and iothubowner (a well-known one)
  --retry-after SECONDS         what devices wait before they poll (3)
  --allow-http-webhooks         take http: URLs for custom allocation, which DPS does not
  -h, --help

Quotas, the documented ones where absent:
${Object.entries(quotaOptions)
  .map(([option, quota]) => `  --${`${option} N`.padEnd(28)}(${documentedQuotas[quota]})\n`)
  .join('')}`;

/** What the command line asks for, or a text to print before ending. */
export type Command =
  | {
      readonly options: Omit<DpsStandInOptions, 'tls' | 'dataFile'> &
        Required<Pick<DpsStandInOptions, 'idScope' | 'serviceHostName' | 'hubs'>>;
      readonly port: number;
      readonly host: string;
      readonly stateDirectory: string;
      readonly tlsDirectory: string;
    }
  | { readonly text: string; readonly exitCode: number };

/** Reads the command line of `main.ts`. */
export function readCommandLine(args: readonly string[]): Command {
  try {
    const { values } = parseArgs({ args: [...args], options: optionSyntax });
    if (values.help) return { text: usage, exitCode: 0 };
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
        webhook: { allowHttp: values['allow-http-webhooks'] },
      },
      port: wholeNumber('port', values.port),
      host: values.host,
      stateDirectory,
      tlsDirectory: resolve(values.tls ?? join(stateDirectory, 'tls')),
    };
  } catch (error) {
    return { text: `error: ${(error as Error).message}\n\n${usage}`, exitCode: 2 };
  }
}

function quotasOf(values: { readonly [option in keyof typeof quotaOptions]?: string }): Partial<Quotas> {
  const quotas: Partial<Record<keyof Quotas, number>> = {};
  for (const [option, quota] of Object.entries(quotaOptions) as [keyof typeof quotaOptions, keyof Quotas][]) {
    const text = values[option];
    if (text !== undefined) quotas[quota] = wholeNumber(option, text);
  }
  return quotas;
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${option} takes a whole number, not "${text}".`);
  return Number(text);
}

/** `hub-1.example.net,weight=10,latency=25` */
function hubsOf(texts: readonly string[], key: string): LinkedHub[] {
  return texts.map((text) => {
    const [hostName = '', ...settings] = text.split(',');
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(hostName))
      throw new Error(`--hub takes a host name, not "${hostName}".`);
    const given = new Map(
      settings.map((setting): [string, string] => {
        const [name = '', value = ''] = setting.split('=');
        if (name !== 'weight' && name !== 'latency') throw new Error(`--hub knows weight and latency, not "${name}".`);
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
