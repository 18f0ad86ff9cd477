import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { isDisabled, loadApp, resolveSettings } from './app.ts';
import type { FrontEndOptions } from './front-end.ts';
import { type Binding, provideFunctionsCore, type RegisteredFunction } from './functions-core.ts';
import { readHostJson } from './host-json.ts';
import { createHttpServer } from './http-server.ts';
import { createInvoke, type HostLog, type Invoke } from './invocation.ts';
import { listenToQueue, type QueueListener } from './queue-listener.ts';
import { holdSingleton, type RunningTimer, type Singleton, startTimer } from './timer.ts';

export { loadApp } from './app.ts';
export { type Binding, provideFunctionsCore, type RegisteredFunction } from './functions-core.ts';
export type { HostLog } from './invocation.ts';

export interface FunctionsHostOptions {
  /** Absolute path of the app: host.json, and package.json with `main`. */
  readonly appDirectory: string;
  /** Folder of the timers' status. */
  readonly stateDirectory: string;
  /** On 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Host key: opens every function of level `function`. */
  readonly functionKey: string;
  /** Keys of single functions, by the name of the function. Each opens that function only. Default: none. */
  readonly keysOfFunctions?: ReadonlyMap<string, readonly string[]>;
  /** Opens every function and `/admin`. */
  readonly masterKey: string;
  /** How long a received queue message stays hidden, in seconds. Azure: 600. */
  readonly leaseSeconds: number;
  /** Pass the header `x-ms-client-principal` of a caller to the functions, so that a test can act as any user. Default: false. */
  readonly passPrincipal?: boolean;
  /** Serve HTTPS with this identity, instead of HTTP. */
  readonly tls?: FrontEndOptions['tls'];
  /** `required`: as an app with `clientCertMode: Required`. Needs `tls`. */
  readonly clientCertificates?: FrontEndOptions['clientCertificates'];
  /** App settings. */
  readonly settings: NodeJS.ProcessEnv;
  readonly log: HostLog;
}

export interface FunctionsHost {
  readonly functionCount: number;
  /** Of the HTTP functions, with the route prefix, such as `http://localhost:7071/api`. */
  readonly url: string;
  /** Accepts nothing new, finishes the running invocations, runs the `appTerminate` hooks. */
  stop(): Promise<void>;
}

/**
 * Loads an app and runs its HTTP, queue and timer triggers. One host per process: the app registers its functions through a
 * module that is replaced for the whole process.
 *
 * @throws Error if host.json is invalid, a file of the app fails to load, an app setting is missing or a binding is unknown
 */
export async function startFunctionsHost(options: FunctionsHostOptions): Promise<FunctionsHost> {
  const { appDirectory, stateDirectory, functionKey, masterKey, leaseSeconds, settings, log } = options;
  const { keysOfFunctions = new Map(), passPrincipal = false, tls, clientCertificates } = options;
  const core = provideFunctionsCore((level, category, message) => log({ level, category, message }));
  const host = await readHostJson(appDirectory, settings);
  const { workerUrl } = await loadApp(appDirectory, core);
  const invoke = withTimeout(createInvoke(core, log), host.functionTimeout, log);

  const server = createHttpServer({
    core,
    invoke,
    settings,
    log,
    functionKey,
    keysOfFunctions,
    masterKey,
    routePrefix: host.routePrefix,
    passPrincipal,
    tls,
    clientCertificates,
    ...(workerUrl !== undefined && { workerUrl }),
  });
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');

  const listeners: QueueListener[] = [];
  const timers: RunningTimer[] = [];
  const singletons: Singleton[] = [];
  for (const target of core.functions.values()) {
    if (isDisabled(target.name, settings)) continue;
    for (const binding of Object.values(target.bindings)) await start(target, binding);
  }

  async function start(target: RegisteredFunction, binding: Binding): Promise<void> {
    switch (binding.type) {
      case 'httpTrigger':
      case 'http':
        return;
      case 'queueTrigger': {
        const queueName = resolveSettings(String(binding['queueName']), settings).toLowerCase();
        const connectionString = requireConnection(String(binding['connection']), target, settings);
        const queueOptions = { target, queueName, connectionString, leaseSeconds, settings: host.queues };
        listeners.push(listenToQueue({ ...queueOptions, invoke, log }));
        return;
      }
      case 'timerTrigger': {
        const schedule = resolveSettings(String(binding['schedule']), settings);
        const connectionString = requireConnection('AzureWebJobsStorage', target, settings);
        const singleton = await holdSingleton(connectionString, target.name);
        singletons.push(singleton);
        timers.push(startTimer({ target, schedule, stateDirectory, singleton, invoke, log }));
        return;
      }
      default:
        throw new Error(
          `Function ${target.name} has a binding of type ${binding.type}. This host runs httpTrigger, queueTrigger and timerTrigger only.`,
        );
    }
  }

  const { port } = server.address() as AddressInfo;
  return {
    functionCount: core.functions.size,
    url: `${tls === undefined ? 'http' : 'https'}://localhost:${port}/${host.routePrefix}`.replace(/\/$/, ''),
    async stop() {
      await Promise.all([closeServer(server), ...[...listeners, ...timers].map((each) => each.stop())]);
      await Promise.all(singletons.map((each) => each.stop()));
      for (const hook of core.hooks.appTerminate) await hook({ hookData: {}, appHookData: {} });
    },
  };
}

function requireConnection(name: string, target: RegisteredFunction, settings: NodeJS.ProcessEnv): string {
  const connectionString = settings[name];
  if (connectionString !== undefined) return connectionString;
  throw new Error(`Function ${target.name} needs the app setting ${name}, which is not set.`);
}

/**
 * An invocation longer than `functionTimeout` ends the process and every other invocation in it, as it ends the worker in
 * Azure. Queue messages are delivered again when their lease ends.
 */
function withTimeout(run: Invoke, milliseconds: number, log: HostLog): Invoke {
  if (milliseconds === Number.POSITIVE_INFINITY) return run;
  return async (target, input) => {
    const timer = setTimeout(() => {
      const message = `Timeout value of ${milliseconds / 1000} s exceeded by function ${target.name}. The worker ends.`;
      log({ level: 'critical', category: 'host', functionName: target.name, message });
      process.exit(1);
    }, milliseconds);
    try {
      return await run(target, input);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Answers the requests in progress and closes keep-alive connections as soon as they are idle. */
async function closeServer(server: Server | HttpsServer): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  await closed;
  clearInterval(sweep);
}
