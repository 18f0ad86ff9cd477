import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ensureLocalTls } from 'fleet-emulators/tls';
import { apps } from '../../infra/apps.ts';
import { type Api, createApi } from '../../infra/local/demo/api.ts';
import { freePorts } from '../../infra/local/stack/ports.ts';
import { type Stack, type StackOptions, startStack } from '../../infra/local/stack.ts';
import { type ClaimRecorder, createClaimRecorder } from './claim-recorder.ts';
import { createJobObserver, type JobObserver } from './job-observer.ts';
import { chain, type Interference, type RunningProxy, startProxy, transparent } from './proxy.ts';

export type Service = 'blobs' | 'queues' | 'cosmos' | 'dps' | 'hub' | 'keyVault';

export interface ChaosOptions
  extends Pick<
    StackOptions,
    'hosts' | 'estHosts' | 'leaseSeconds' | 'keyVault' | 'dpsArguments' | 'cosmosArguments' | 'settings'
  > {
  /** Interference between the app and each service. Default: none. */
  readonly interfere?: Partial<Readonly<Record<Service, Interference>>>;
  /** Seconds until a failed message is delivered again. Default: 1; host.json has 10. */
  readonly redeliverySeconds?: number;
  /** Messages that a host receives at once. Default: as in host.json. */
  readonly batchSize?: number;
  /** NCRONTAB. Default: once per day, since the timer is not tested. */
  readonly reconcileSchedule?: string;
}

/** A local stack whose app reaches every service through a proxy, with what can be observed from outside. */
export interface ChaosStack {
  readonly stack: Stack;
  readonly directory: string;
  readonly api: Api;
  readonly claims: ClaimRecorder;
  /** File with everything that CA keys signed: CA_SIGNING_JOURNAL. */
  readonly journal: string;
  readonly observer: JobObserver;
}

const hubs = ['hub-1.localhost', 'hub-2.localhost'];

/** Runs `work` on a new stack in a temporary directory, which is deleted afterwards unless the work failed. */
export async function withChaosStack<T>(options: ChaosOptions, work: (chaos: ChaosStack) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-chaos-'));
  const proxies: RunningProxy[] = [];
  let stack: Stack | undefined;
  let observer: JobObserver | undefined;
  let begun = false;
  try {
    const appDirectory = await snapshotOfApp(directory);
    const ports = await freePorts();
    const tls = await ensureLocalTls({ directory: join(directory, 'tls'), hostNames: hubs });
    const recorder = createClaimRecorder();
    const between = async (service: Service, ...inner: Interference[]) => {
      const wanted = options.interfere?.[service] ?? transparent;
      // The set-up that an operator does once is not attacked.
      const whenBegun: Interference = (request, forward) => (begun ? wanted : transparent)(request, forward);
      const interfere = chain(whenBegun, ...inner);
      const proxy = await startProxy({
        // The emulator of DPS has the hubs too.
        upstreamPort: ports[service === 'hub' ? 'dps' : service],
        interfere,
        ...((service === 'dps' || service === 'hub' || service === 'keyVault') && { tls }),
      });
      proxies.push(proxy);
      return proxy.port;
    };
    const blobs = await between('blobs');
    const queues = await between('queues');
    const cosmos = await between('cosmos', recorder.interfere);
    const dps = await between('dps');
    const hub = await between('hub');
    const keyVault = await between('keyVault');

    const journal = join(directory, 'signed.jsonl');
    const startOptions: StackOptions = {
      ...{ directory, ports, appDirectory, hosts: options.hosts, leaseSeconds: options.leaseSeconds ?? 2 },
      ...{ estHosts: options.estHosts ?? 0, estAppDirectory: join(appDirectory, apps.est.directory) },
      ...{
        keyVault: options.keyVault ?? false,
        dpsArguments: options.dpsArguments,
        cosmosArguments: options.cosmosArguments,
      },
      reconcileSchedule: options.reconcileSchedule ?? '0 0 0 * * *',
    };
    const hostJson = 'AzureFunctionsJobHost__extensions__queues__';
    const redelivery = String(options.redeliverySeconds ?? 1).padStart(2, '0');
    stack = await startStack({
      ...startOptions,
      settings: {
        AzureWebJobsStorage: storageBehind({ blobs, queues }),
        COSMOS_ENDPOINT: `http://127.0.0.1:${cosmos}`,
        DPS_CONNECTION_STRING: iotBehind(dps, 'provisioningserviceowner'),
        HUB_CONNECTION_STRING: iotBehind(hub, 'iothubowner'),
        ...(options.keyVault && { KEY_VAULT_URL: `https://localhost:${keyVault}` }),
        CA_SIGNING_JOURNAL: journal,
        [`${hostJson}visibilityTimeout`]: `00:00:${redelivery}`,
        [`${hostJson}maxPollingInterval`]: '00:00:00.250',
        ...(options.batchSize !== undefined && {
          [`${hostJson}batchSize`]: String(options.batchSize),
          [`${hostJson}newBatchThreshold`]: '0',
        }),
        TELEMETRY: 'off',
        ...options.settings,
      },
    });
    begun = true;
    observer = createJobObserver(stack);
    const api = createApi({ url: stack.urls.functions, key: stack.functionsKey });
    const result = await work({ stack, directory, api, claims: recorder, journal, observer });
    await rm(directory, { recursive: true, force: true }).catch(() => undefined);
    return result;
  } catch (error) {
    process.stderr.write(`chaos: the files of the stack are kept in ${directory}\n`);
    throw error;
  } finally {
    // If one of them cannot be stopped, the others still are.
    await Promise.allSettled([observer?.close(), stack?.kill(), ...proxies.map((proxy) => proxy.close())]);
  }
}

/** Copies the built app, so that another build does not change it when a host restarts. */
async function snapshotOfApp(directory: string): Promise<string> {
  const from = resolve(import.meta.dirname, '../..');
  const to = join(directory, 'app');
  for (const name of ['dist', 'host.json', 'package.json'])
    await cp(join(from, name), join(to, name), { recursive: true });
  await symlink(join(from, 'node_modules'), join(to, 'node_modules'));
  return to;
}

// Account and policies of the emulators, as in infra/local/stack.ts, with the ports of the proxies.
const storageKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const iotKey = Buffer.from('local emulator key, not a secret').toString('base64');

function storageBehind({ blobs, queues }: { blobs: number; queues: number }): string {
  const place = (port: number) => `http://127.0.0.1:${port}/devstoreaccount1`;
  return [
    'DefaultEndpointsProtocol=http;AccountName=devstoreaccount1',
    `AccountKey=${storageKey};BlobEndpoint=${place(blobs)};QueueEndpoint=${place(queues)}`,
  ].join(';');
}

function iotBehind(port: number, policy: string): string {
  return `HostName=localhost:${port};SharedAccessKeyName=${policy};SharedAccessKey=${iotKey}`;
}
