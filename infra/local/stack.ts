import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { settingMeta, settingNames } from '../../functions/config/settings.ts';
import { emulatorKey } from './cosmos/emulator-key.ts';
import { wellKnownKey } from './dps/options.ts';
import { defaults, type PortName, portsInUse } from './settings.ts';
import { type Child, startChild } from './stack/child.ts';
import { furnish } from './stack/furnish.ts';
import { holdDirectory } from './stack/hold-directory.ts';
import { freePorts, type Ports, requireFree } from './stack/ports.ts';
import { trustRoot } from './stack/trust-root.ts';
import { trustTls } from './stack/trust-tls.ts';
import { ensureLocalTls } from './tls.ts';

/*
 * The whole deployment on one machine, each service a process of its own: blob and queue storage (Azurite), Cosmos DB, DPS
 * with its hubs, the events of the manifest container, and Functions hosts that run the built app.
 */

export interface StackOptions {
  /** Where everything is kept: data, keys, certificates, logs. */
  readonly directory: string;
  /** `free`: some that nothing listens on. */
  readonly ports: Ports | 'free';
  /** Functions hosts, all on the same queues; the first has the port. None: the stand-ins alone. */
  readonly hosts?: number;
  readonly functionsKey?: string;
  /** How long a received queue message stays hidden: the time until another host takes over from one that was killed. */
  readonly leaseSeconds?: number;
  readonly reconcileSchedule?: string;
  /** CA keys in a Key Vault stand-in. Default: in files. */
  readonly keyVault?: boolean;
  /** Further app settings, such as CHUNK_ROWS; they win over the environment. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Further arguments of infra/local/dps/main.ts, such as lowered quotas. */
  readonly dpsArguments?: readonly string[];
  /** Further arguments of infra/local/cosmos/main.ts, such as a limit of request units. */
  readonly cosmosArguments?: readonly string[];
  /** Where the built app is (host.json, package.json, dist); this project where absent. */
  readonly appDirectory?: string;
  /** A process ended by itself. */
  readonly onUnexpectedEnd?: (child: Child, how: string) => void;
}

export type ProcessName =
  | 'blobs'
  | 'queues'
  | 'cosmos'
  | 'dps'
  | 'key-vault'
  | 'events'
  | 'functions'
  | `functions-${number}`;

export interface Stack {
  readonly urls: Readonly<Record<PortName, string>>;
  readonly functionsKey: string;
  readonly storageConnectionString: string;
  readonly cosmos: { readonly endpoint: string; readonly key: string; readonly database: string };
  readonly dps: { readonly host: string; readonly port: number; readonly idScope: string };
  readonly dpsConnectionString: string;
  readonly hubConnectionString: string;
  /** The TLS certificate (PEM file) that clients have to trust; this process does already. */
  readonly caPath: string;
  /** What the app is told, as its environment. */
  readonly appSettings: Readonly<Record<string, string>>;
  /** @throws Error where the stack has no such process */
  process(name: ProcessName): Child;
  readonly processes: ReadonlyMap<ProcessName, Child>;
  /** Ends all of it: hosts first, which finish what they have in work, then what they depend on. */
  stop(): Promise<void>;
  /** Ends all of it at once, as a power cut would. */
  kill(): Promise<void>;
}

// The account of every Azurite, published and no secret:
// https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
const storageAccount = 'devstoreaccount1';
const storageKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

const idScope = '0ne00000000';
/** Two, so that allocation has something to decide. */
const hubs = ['hub-1.localhost', 'hub-2.localhost'];
const projectDirectory = resolve(fileURLToPath(import.meta.url), '../../..');

/** How long hosts may take to finish what they have in work, before they are killed and their messages come again. */
const drainWithin = 15_000;

/**
 * Starts the stack and waits until all of it answers. The app must have been built.
 * @throws Error that names the process, and the end of its log, or the ports that are taken, or the directory that is
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const directory = resolve(options.directory);
  const {
    keyVault = false,
    hosts = 1,
    functionsKey = defaults.functionsKey,
    settings = {},
    appDirectory = projectDirectory,
  } = options;
  const ports = options.ports === 'free' ? await freePorts() : options.ports;
  if (options.ports !== 'free') {
    await requireFree(ports, portsInUse({ standInsAlone: hosts === 0, keyVault }));
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const release = holdDirectory(directory);
  const tls = await ensureLocalTls({ directory: join(directory, 'tls'), hostNames: hubs });
  trustTls(tls.caPem);

  const urls = {
    functions: `http://localhost:${ports.functions}`,
    blobs: `http://127.0.0.1:${ports.blobs}/${storageAccount}`,
    queues: `http://127.0.0.1:${ports.queues}/${storageAccount}`,
    cosmos: `http://localhost:${ports.cosmos}`,
    dps: `https://localhost:${ports.dps}`,
    keyVault: `https://localhost:${ports.keyVault}`,
  };
  const storageConnectionString = [
    'DefaultEndpointsProtocol=http',
    `AccountName=${storageAccount}`,
    `AccountKey=${storageKey}`,
    `BlobEndpoint=${urls.blobs}`,
    `QueueEndpoint=${urls.queues}`,
  ].join(';');
  const iotConnectionString = (policy: string) =>
    `HostName=localhost:${ports.dps};SharedAccessKeyName=${policy};SharedAccessKey=${wellKnownKey}`;
  const inherited = inheritedSettings();
  const appSettings: Record<string, string> = {
    ALLOW_PLAIN_KEYS: 'true',
    RECONCILE_SCHEDULE: options.reconcileSchedule ?? defaults.reconcileSchedule,
    COSMOS_DATABASE: 'fleet',
    ROOT_CA_NAME: 'Fleet root CA',
    // host.json's 2 s are chosen by what looks at an idle queue cost. Here they cost nothing, and somebody is waiting.
    AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.250',
    ...inherited,
    FUNCTIONS_WORKER_RUNTIME: 'node',
    AzureWebJobsStorage: storageConnectionString,
    COSMOS_ENDPOINT: urls.cosmos,
    COSMOS_KEY: emulatorKey,
    DPS_CONNECTION_STRING: iotConnectionString('provisioningserviceowner'),
    DPS_ID_SCOPE: idScope,
    DPS_GLOBAL_ENDPOINT: urls.dps,
    HUB_CONNECTION_STRING: iotConnectionString('iothubowner'),
    // One of both; an empty setting is none.
    KEY_VAULT_URL: keyVault ? urls.keyVault : '',
    CA_KEY_DIRECTORY: keyVault ? '' : join(directory, 'ca'),
    ...settings,
  };
  const cosmos = { endpoint: urls.cosmos, key: emulatorKey, database: appSettings['COSMOS_DATABASE'] ?? '' };

  const processes = new Map<ProcessName, Child>();
  async function start(name: ProcessName, script: string, args: readonly string[], env = {}): Promise<void> {
    const child = await startChild({
      name,
      args: [join(projectDirectory, 'infra/local', script, 'main.ts'), ...args],
      env: { ...environmentWithoutSettings(), ...env },
      logFile: join(directory, 'logs', `${name}.log`),
      ready: /\bready\b|successfully listens/,
      ...(options.onUnexpectedEnd === undefined ? {} : { onUnexpectedEnd: options.onUnexpectedEnd }),
    });
    processes.set(name, child);
  }

  const kill = async () => {
    await Promise.all([...processes.values()].map((child) => child.kill('SIGKILL')));
    release();
  };
  async function stop(): Promise<void> {
    const named = (pattern: RegExp) => [...processes.values()].filter(({ name }) => pattern.test(name));
    // What has not ended by then is killed; a queue message that it had comes again.
    const timer = setTimeout(() => void kill(), drainWithin);
    for (const pattern of [/^(functions|events)/, /^(cosmos|dps|key-vault)$/, /^(blobs|queues)$/])
      await Promise.all(named(pattern).map((child) => child.kill('SIGTERM')));
    clearTimeout(timer);
    release();
  }

  /** All of them, or the first error once none is still on its way. */
  async function together(starts: readonly Promise<void>[]): Promise<void> {
    for (const result of await Promise.allSettled(starts)) if (result.status === 'rejected') throw result.reason;
  }

  const place = (name: ProcessName, port: number) => ['--port', String(port), '--state', join(directory, name)];
  const tlsDirectory = ['--tls', join(directory, 'tls')];
  try {
    await together([
      start('blobs', 'azurite', ['--service', 'blob', ...place('blobs', ports.blobs)]),
      start('queues', 'azurite', ['--service', 'queue', ...place('queues', ports.queues)]),
      start('cosmos', 'cosmos', [
        ...['--port', String(ports.cosmos), '--file', join(directory, 'cosmos', 'store.sqlite')],
        ...(options.cosmosArguments ?? []),
      ]),
      start('dps', 'dps', [
        ...[...place('dps', ports.dps), ...tlsDirectory, '--id-scope', idScope],
        ...hubs.flatMap((hub) => ['--hub', hub]),
        // A device of this stack asks again soon; DPS itself says 3 seconds.
        ...['--retry-after', '1', '--allow-http-webhooks', ...(options.dpsArguments ?? [])],
      ]),
      ...(keyVault ? [start('key-vault', 'key-vault', [...place('key-vault', ports.keyVault), ...tlsDirectory])] : []),
    ]);
    await furnish({ storageConnectionString, cosmos });
    await trustRoot(appSettings, urls.dps);
    const hostEnvironment = { ...appSettings, NODE_EXTRA_CA_CERTS: tls.caPath };
    const leaseSeconds = String(options.leaseSeconds ?? defaults.leaseSeconds);
    await together([
      start('events', 'events', ['--connection', storageConnectionString, '--state', join(directory, 'events')]),
      ...Array.from({ length: hosts }, (_, index) =>
        start(
          index === 0 ? 'functions' : `functions-${index + 1}`,
          'host',
          [
            ...['--app', appDirectory, '--state', join(directory, 'functions'), '--port'],
            ...[index === 0 ? String(ports.functions) : '0', '--key', functionsKey, '--lease', leaseSeconds],
          ],
          hostEnvironment,
        ),
      ),
    ]);
  } catch (error) {
    await kill();
    throw error;
  }

  return {
    ...{ urls, functionsKey, storageConnectionString, cosmos, caPath: tls.caPath, appSettings, processes, stop, kill },
    dps: { host: 'localhost', port: ports.dps, idScope },
    dpsConnectionString: appSettings['DPS_CONNECTION_STRING'] ?? '',
    hubConnectionString: appSettings['HUB_CONNECTION_STRING'] ?? '',
    process(name) {
      const child = processes.get(name);
      if (child === undefined) throw new Error(`The stack has no process "${name}".`);
      return child;
    },
  };
}

/** App settings that a user may set for the local stack too, such as CHUNK_ROWS; those of Azure alone do not apply. */
function inheritedSettings(): Record<string, string> {
  const both = settingNames.filter((name) => settingMeta(name).where !== 'azure');
  return Object.fromEntries(both.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** The environment without settings of the app: a variable that was left over would make it half of another deployment. */
function environmentWithoutSettings(): NodeJS.ProcessEnv {
  const isSetting = (name: string) => (settingNames as readonly string[]).includes(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isSetting(name)));
}
