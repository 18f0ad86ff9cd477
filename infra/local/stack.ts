import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { emulatorKey } from 'fleet-emulators/cosmos';
import { wellKnownKey } from 'fleet-emulators/dps';
import { ensureLocalTls } from 'fleet-emulators/tls';
import { settingMeta, settingNames } from '../../functions/config/settings.ts';
import { maxBodyBytes } from '../../functions/est/limits.ts';
import { operationsOf } from '../../functions/http/operations.ts';
import { type Role, roles } from '../../lib/access/principal.ts';
import { blobContainers, queues } from '../../lib/resource-names.ts';
import { apps } from '../apps.ts';
import { defaults, localPolling, type PortName, pollingSetting, portsInUse } from './settings.ts';
import { type Child, startChild } from './stack/child.ts';
import { createResources } from './stack/create-resources.ts';
import { diskProblem } from './stack/disk.ts';
import { type DirectoryLock, lockDirectory } from './stack/lock-directory.ts';
import { freePorts, morePorts, type Ports, requireFree } from './stack/ports.ts';
import { trustRoot } from './stack/trust-root.ts';
import { trustTls } from './stack/trust-tls.ts';

/*
 * The whole deployment on one machine, one process per service: blob and queue storage (Azurite), Cosmos DB, DPS with its
 * hubs, Event Grid, and Functions hosts that run the built app and the EST server.
 */

export interface StackOptions {
  /** Folder of all data, keys, certificates and logs. */
  readonly directory: string;
  /** `free`: choose unused ports. */
  readonly ports: Ports | 'free';
  /** Number of Functions hosts, all on the same queues. The first has the port. 0: the emulators only. Default: 1. */
  readonly hosts?: number;
  /**
   * Number of EST servers, each with a port of its own; the first has that of `ports`. With 0 the deployment has none: EST_URL is
   * not set, and the app refuses groups that renew there. Default: 0.
   */
  readonly estHosts?: number;
  readonly functionsKey?: string;
  /** Seconds that a received queue message stays hidden: the delay until another host takes over from a killed one. */
  readonly leaseSeconds?: number;
  /** NCRONTAB. */
  readonly reconcileSchedule?: string;
  /** Names of more DPS instances, each an emulator of its own with a hub of its own (DPS_INSTANCES). Default: none. */
  readonly dpsInstances?: readonly string[];
  /** Ports of these instances, in their order. Default: free ones. */
  readonly dpsInstancePorts?: readonly number[];
  /** Keep CA keys in the Key Vault emulator. Default: in files. */
  readonly keyVault?: boolean;
  /** More arguments of `key-vault-emulator`, such as the delay of a request. */
  readonly keyVaultArguments?: readonly string[];
  /** More app settings, such as CHUNK_ROWS. They override the environment. */
  readonly settings?: Readonly<Record<string, string>>;
  /** More arguments of `dps-emulator`, such as lower quotas. */
  readonly dpsArguments?: readonly string[];
  /** More arguments of `cosmos-emulator`, such as a limit of request units. */
  readonly cosmosArguments?: readonly string[];
  /** Folder of the built app: host.json, package.json, dist. Default: this project. */
  readonly appDirectory?: string;
  /** Folder of the built EST server. Default: dist/est of this project. */
  readonly estAppDirectory?: string;
  /**
   * Called when the directory is locked and the ports are free. It may build the app: the emulators start at the same time, the
   * hosts when it has ended.
   */
  readonly prepare?: () => Promise<void>;
  /** Stops a start that has not ended. All processes are dead when `startStack` then rejects. */
  readonly signal?: AbortSignal;
  /** Called when a process ends without being stopped. */
  readonly onUnexpectedEnd?: (child: Child, how: string, ranMs: number) => void;
}

export type ProcessName =
  | 'blobs'
  | 'queues'
  | 'cosmos'
  | 'dps'
  | `dps-${string}`
  | 'key-vault'
  | 'events'
  | 'functions'
  | `functions-${number}`
  | 'est'
  | `est-${number}`;

export interface Stack {
  readonly urls: Readonly<Record<PortName, string>>;
  /** Base URLs of the EST servers, without a path. All are one deployment: a device may ask any of them. */
  readonly estUrls: readonly string[];
  readonly functionsKey: string;
  /** Opens every function, and the administration of the host. */
  readonly masterKey: string;
  /** One key per role. It opens the functions that the role may call. */
  readonly roleKeys: Readonly<Record<Role, string>>;
  readonly storageConnectionString: string;
  readonly cosmos: { readonly endpoint: string; readonly key: string; readonly database: string };
  readonly dps: LocalDps;
  /** The other DPS instances, by name. */
  readonly dpsInstances: Readonly<Record<string, LocalDps>>;
  readonly dpsConnectionString: string;
  readonly hubConnectionString: string;
  /** Path of the TLS CA certificate (PEM) that clients must trust. This process already trusts it. */
  readonly caPath: string;
  /** App settings: the environment of the Functions hosts. */
  readonly appSettings: Readonly<Record<string, string>>;
  /** @throws Error if the stack has no such process */
  process(name: ProcessName): Child;
  readonly processes: ReadonlyMap<ProcessName, Child>;
  /** Stops the hosts, which finish their invocations, and then the services that they depend on. */
  stop(): Promise<void>;
  /** Kills all processes at once, as a power cut would. */
  kill(): Promise<void>;
}

/** Where a DPS emulator listens. */
export interface LocalDps {
  readonly host: string;
  readonly port: number;
  readonly idScope: string;
}

// The published account of every Azurite:
// https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
const storageAccount = 'devstoreaccount1';
const storageKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

const masterKey = 'local-master-key';
const roleKeys = { reader: 'local-reader-key', submitter: 'local-submitter-key', operator: 'local-operator-key' };

const idScope = '0ne00000000';
/** Two hubs, so that allocation has a choice. */
const hubs = ['hub-1.localhost', 'hub-2.localhost'];
/** The hub of another DPS instance. */
const hubOf = (instance: string) => `hub-${instance}.localhost`;

const projectDirectory = resolve(import.meta.dirname, '../..');
const azurite = join(import.meta.dirname, 'stack/azurite.ts');
/** Azurite makes buffers of all that it stores, which live briefly. With this room for new objects (MiB), it takes a sixth less CPU time. */
const azuriteMemory = '--max-semi-space-size=64';
/** Path of a program of the package fleet-emulators. */
const emulator = (program: string) => fileURLToPath(import.meta.resolve(`fleet-emulators/bin/${program}`));

/** Milliseconds that hosts have to finish their invocations. Then they are killed, and their messages are delivered again. */
const drainTimeout = 15_000;
/** Milliseconds that the processes of a killed stack have to end. */
const orphanTimeout = 10_000;

/**
 * Starts the stack and waits until every process is ready. Build the app first, or in `prepare`.
 * @throws Error if a port is in use, another stack runs in the directory, the disk is full, or a process fails to start (with
 *   the end of its log)
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const directory = resolve(options.directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const problem = await diskProblem(directory);
  if (problem !== undefined) throw new Error(problem);
  const lock = await lockDirectory(directory);
  try {
    return await startLocked(directory, options, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function startLocked(directory: string, options: StackOptions, lock: DirectoryLock): Promise<Stack> {
  const {
    keyVault = false,
    hosts = 1,
    estHosts = 0,
    functionsKey = defaults.functionsKey,
    settings = {},
    dpsInstances: instanceNames = [],
    appDirectory = projectDirectory,
    estAppDirectory = join(projectDirectory, apps.est.directory),
  } = options;
  const ports = options.ports === 'free' ? await freePorts() : options.ports;
  if (options.ports !== 'free') {
    const waitMs = lock.isAfterKill ? orphanTimeout : 0;
    await requireFree(ports, portsInUse({ functions: hosts > 0, est: estHosts > 0, keyVault }), waitMs);
  }
  const prepared = options.prepare?.();
  // Its error is thrown where the hosts would start.
  prepared?.catch(() => {});
  const hostNames = [...hubs, ...instanceNames.map(hubOf)];
  const tls = await ensureLocalTls({ directory: join(directory, 'tls'), hostNames });
  trustTls(tls.caPem);

  const [eventsPort = 0, ...moreEstPorts] = await morePorts(Math.max(1, estHosts), Object.values(ports));
  const estPorts = [ports.est, ...moreEstPorts].slice(0, estHosts);
  const estUrls = estPorts.map((port) => `https://localhost:${port}`);
  const urls = {
    functions: `http://localhost:${ports.functions}`,
    est: `https://localhost:${ports.est}`,
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
  const iotConnectionString = (policy: string, port: number = ports.dps) =>
    `HostName=localhost:${port};SharedAccessKeyName=${policy};SharedAccessKey=${wellKnownKey}`;
  const instancePorts = options.dpsInstancePorts ?? (await morePorts(instanceNames.length));
  const dpsInstances = instanceNames.map((name, index) => {
    const port = instancePorts[index] ?? 0;
    const connectionString = iotConnectionString('provisioningserviceowner', port);
    return {
      ...{ name, host: 'localhost', port, connectionString, idScope: `0ne0000000${(index + 1).toString(36)}` },
      globalEndpoint: `https://localhost:${port}`,
      hubs: { [hubOf(name)]: iotConnectionString('iothubowner', port) },
    };
  });
  const inherited = inheritedSettings();
  const appSettings: Record<string, string> = {
    ALLOW_PLAIN_KEYS: 'true',
    RECONCILE_SCHEDULE: options.reconcileSchedule ?? defaults.reconcileSchedule,
    SWEEP_SCHEDULE: defaults.sweepSchedule,
    COSMOS_DATABASE: 'fleet',
    ROOT_CA_NAME: 'Fleet root CA',
    [pollingSetting]: localPolling,
    // Tests call webhooks on this machine and act as any signed-in user. Both settings are refused in Azure.
    ALLOW_PRIVATE_URLS: 'all',
    LOCAL_TRUST_PRINCIPAL_HEADER: 'true',
    PUBLIC_URL: urls.functions,
    ...inherited,
    FUNCTIONS_WORKER_RUNTIME: 'node',
    AzureWebJobsStorage: storageConnectionString,
    COSMOS_ENDPOINT: urls.cosmos,
    COSMOS_KEY: emulatorKey,
    DPS_CONNECTION_STRING: iotConnectionString('provisioningserviceowner'),
    DPS_ID_SCOPE: idScope,
    DPS_GLOBAL_ENDPOINT: urls.dps,
    DPS_INSTANCES: dpsInstances.length === 0 ? '' : dpsInstancesSetting(dpsInstances),
    HUB_CONNECTION_STRING: iotConnectionString('iothubowner'),
    // Exactly one of the two must be set. An empty setting counts as not set.
    KEY_VAULT_URL: keyVault ? urls.keyVault : '',
    CA_KEY_DIRECTORY: keyVault ? '' : join(directory, 'ca'),
    AUDIT_KEY_DIRECTORY: join(directory, 'audit'),
    EST_URL: estHosts > 0 ? urls.est : '',
    EST_TRUSTED_CA_FILE: estHosts > 0 ? tls.caPath : '',
    ...settings,
  };
  const cosmos = { endpoint: urls.cosmos, key: emulatorKey, database: appSettings['COSMOS_DATABASE'] ?? '' };

  const processes = new Map<ProcessName, Child>();
  /** @param program path of a TypeScript file */
  async function start(name: ProcessName, program: string, args: readonly string[], env = {}): Promise<void> {
    const child = await startChild({
      name,
      args: [...(program === azurite ? [azuriteMemory] : []), program, ...args],
      env: { ...environmentWithoutSettings(), ...env },
      logFile: join(directory, 'logs', `${name}.log`),
      ready: /\bready\b|successfully listens/,
      onUnexpectedEnd: options.onUnexpectedEnd,
      signal: options.signal,
    });
    processes.set(name, child);
  }

  const kill = async () => {
    await Promise.all([...processes.values()].map((child) => child.kill('SIGKILL')));
    lock.release();
  };
  async function stop(): Promise<void> {
    lock.announceEnd();
    const named = (pattern: RegExp) => [...processes.values()].filter(({ name }) => pattern.test(name));
    const timer = setTimeout(() => void kill(), drainTimeout);
    for (const pattern of [/^(functions|est|events)/, /^(cosmos|dps(-.+)?|key-vault)$/, /^(blobs|queues)$/])
      await Promise.all(named(pattern).map((child) => child.kill('SIGTERM')));
    clearTimeout(timer);
    lock.release();
  }

  /** Waits for all of them. @throws the first error, after every start has ended */
  async function allStarted(starts: readonly Promise<void>[]): Promise<void> {
    for (const result of await Promise.allSettled(starts)) if (result.status === 'rejected') throw result.reason;
  }

  const portAndState = (name: ProcessName, port: number) => ['--port', String(port), '--state', join(directory, name)];
  const tlsDirectory = ['--tls', join(directory, 'tls')];
  const startDps = (name: ProcessName, dps: Omit<LocalDps, 'host'>, hubsOfDps: readonly string[]) =>
    start(name, emulator('dps-emulator'), [
      ...[...portAndState(name, dps.port), ...tlsDirectory, '--id-scope', dps.idScope],
      ...hubsOfDps.flatMap((hub) => ['--hub', hub]),
      ...['--storage', storageConnectionString],
      // Devices of this stack poll sooner. DPS itself answers 3 seconds.
      ...['--retry-after', '1', '--allow-http-webhooks', ...(options.dpsArguments ?? [])],
    ]);
  try {
    await allStarted([
      start('blobs', azurite, [
        ...['--service', 'blob', ...portAndState('blobs', ports.blobs)],
        ...['--tell', `http://127.0.0.1:${eventsPort}`, '--writes-to', blobContainers.manifests],
      ]),
      start('queues', azurite, ['--service', 'queue', ...portAndState('queues', ports.queues)]),
      start('cosmos', emulator('cosmos-emulator'), [
        ...['--port', String(ports.cosmos), '--file', join(directory, 'cosmos', 'store.sqlite')],
        ...(options.cosmosArguments ?? []),
      ]),
      startDps('dps', { port: ports.dps, idScope }, hubs),
      ...dpsInstances.map((each) => startDps(`dps-${each.name}`, each, Object.keys(each.hubs))),
      ...(keyVault
        ? [
            start('key-vault', emulator('key-vault-emulator'), [
              ...portAndState('key-vault', ports.keyVault),
              ...tlsDirectory,
              ...(options.keyVaultArguments ?? []),
            ]),
          ]
        : []),
    ]);
    await createResources({ storageConnectionString, cosmos });
    await trustRoot(appSettings);
    await prepared;
    const hostEnvironment = { ...appSettings, NODE_EXTRA_CA_CERTS: tls.caPath };
    const leaseSeconds = String(options.leaseSeconds ?? defaults.leaseSeconds);
    await allStarted([
      start('events', emulator('event-grid-emulator'), [
        ...['--connection', storageConnectionString, '--state', join(directory, 'events')],
        ...['--container', blobContainers.manifests, '--queue', queues.uploads],
        // Azurite tells of each write. The listings of the interval are for what it could not tell.
        ...['--port', String(eventsPort), '--interval', '1000'],
      ]),
      ...Array.from({ length: hosts }, (_, index) =>
        start(
          index === 0 ? 'functions' : `functions-${index + 1}`,
          emulator('functions-host'),
          [
            ...['--app', appDirectory, '--state', join(directory, 'functions'), '--port'],
            ...[index === 0 ? String(ports.functions) : '0', '--key', functionsKey, '--lease', leaseSeconds],
            ...['--master-key', masterKey],
            ...roles.flatMap((role) =>
              operationsOf(role).flatMap((operation) => ['--function-key', `${operation}=${roleKeys[role]}`]),
            ),
            ...(appSettings['HTTP_ACCESS'] === 'entra' ? ['--pass-principal'] : []),
          ],
          hostEnvironment,
        ),
      ),
      ...estPorts.map((port, index) => {
        const name = index === 0 ? 'est' : (`est-${index + 1}` as const);
        return start(
          name,
          emulator('functions-host'),
          [
            ...['--app', estAppDirectory, ...portAndState(name, port)],
            ...[...tlsDirectory, '--client-certificates', 'required'],
          ],
          { ...hostEnvironment, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: String(2 * maxBodyBytes) },
        );
      }),
    ]);
  } catch (error) {
    await kill();
    throw error;
  }

  return {
    ...{
      urls,
      estUrls,
      functionsKey,
      masterKey,
      roleKeys,
      storageConnectionString,
      cosmos,
      caPath: tls.caPath,
      appSettings,
      processes,
      stop,
      kill,
    },
    dps: { host: 'localhost', port: ports.dps, idScope },
    dpsInstances: Object.fromEntries(
      dpsInstances.map(({ name, host, port, ...each }) => [name, { host, port, idScope: each.idScope }]),
    ),
    dpsConnectionString: appSettings['DPS_CONNECTION_STRING'] ?? '',
    hubConnectionString: appSettings['HUB_CONNECTION_STRING'] ?? '',
    process(name) {
      const child = processes.get(name);
      if (child === undefined) throw new Error(`The stack has no process "${name}".`);
      return child;
    },
  };
}

/** The value of DPS_INSTANCES. */
function dpsInstancesSetting(
  instances: readonly {
    readonly name: string;
    readonly idScope: string;
    readonly connectionString: string;
    readonly globalEndpoint: string;
    readonly hubs: Readonly<Record<string, string>>;
  }[],
): string {
  const byName = instances.map(({ name, idScope, connectionString, globalEndpoint, hubs: own }) => {
    return [name, { idScope, connectionString, globalEndpoint, hubs: own }] as const;
  });
  return JSON.stringify(Object.fromEntries(byName));
}

/** App settings from the environment, such as CHUNK_ROWS. Settings that apply in Azure only are left out. */
function inheritedSettings(): Record<string, string> {
  const local = settingNames.filter((name) => settingMeta(name).where !== 'azure');
  return Object.fromEntries(local.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** The environment without app settings: a leftover variable of another deployment must not reach this one. */
function environmentWithoutSettings(): NodeJS.ProcessEnv {
  const isSetting = (name: string) => (settingNames as readonly string[]).includes(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isSetting(name)));
}
