import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { dieWithParent } from '../die-with-parent.ts';
import { loadApp } from './app.ts';
import { isDisabled, resolveSettings } from './app-settings.ts';
import { type Binding, provideFunctionsCore, type RegisteredFunction } from './functions-core.ts';
import { readHostJson } from './host-json.ts';
import { createHttpServer } from './http-server.ts';
import { createInvoke, type HostLog, type Invoke } from './invocation.ts';
import { listenToQueue, type QueueListener } from './queue-listener.ts';
import { holdSingleton, type Singleton } from './singleton.ts';
import { type RunningTimer, startTimer } from './timer.ts';

/*
 * The local Functions host: `node infra/local/host/main.ts --app DIR --port N --state DIR`. App settings come from the
 * environment, as in Azure.
 */

const { values } = parseArgs({
  options: {
    app: { type: 'string', default: '.' },
    port: { type: 'string', default: '7071' },
    state: { type: 'string', default: '.local/host' },
    key: { type: 'string', default: 'local-function-key' },
    'master-key': { type: 'string', default: 'local-master-key' },
    /** Seconds that a received message stays hidden; the real host's 600 would make a test of a crash wait so long. */
    lease: { type: 'string', default: '600' },
    json: { type: 'boolean', default: false },
  },
});

const log: HostLog = (line) => {
  const at = new Date().toISOString();
  const { level, functionName = 'host', invocationId, message } = line;
  const id = invocationId === undefined ? '' : ` ${invocationId.slice(0, 8)}`;
  process.stdout.write(
    values.json ? `${JSON.stringify({ at, ...line })}\n` : `${at} ${level} [${functionName}${id}] ${message}\n`,
  );
};

dieWithParent();
const settings = process.env;
const appDirectory = resolve(values.app);
const stateDirectory = resolve(values.state);
const core = provideFunctionsCore((level, category, message) => log({ level, category, message }));
const host = await readHostJson(appDirectory, settings);
await loadApp(appDirectory, core);
const invoke = withTimeout(createInvoke(core, log), host.functionTimeout);

const server = createHttpServer({
  ...{ core, invoke, settings, log, routePrefix: host.routePrefix },
  passPrincipal: settings['HTTP_ACCESS'] === 'entra',
  functionKey: values.key,
  masterKey: values['master-key'],
});
server.listen(Number(values.port), '127.0.0.1');
await once(server, 'listening');

const listeners: QueueListener[] = [];
const timers: RunningTimer[] = [];
const singletons: Singleton[] = [];
for (const target of core.functions.values()) {
  if (isDisabled(target.name, settings)) continue;
  for (const binding of Object.values(target.bindings)) await start(target, binding);
}
const { port } = server.address() as AddressInfo;
process.stdout.write(`${core.functions.size} functions ready at http://localhost:${port}/${host.routePrefix}\n`);

async function start(target: RegisteredFunction, binding: Binding): Promise<void> {
  switch (binding.type) {
    case 'httpTrigger':
    case 'http':
      return;
    case 'queueTrigger': {
      const queueName = resolveSettings(String(binding['queueName']), settings).toLowerCase();
      const connectionString = connection(String(binding['connection']), target);
      const leaseSeconds = Number(values.lease);
      const queueOptions = { target, queueName, connectionString, leaseSeconds, settings: host.queues };
      listeners.push(listenToQueue({ ...queueOptions, invoke, log }));
      return;
    }
    case 'timerTrigger': {
      const schedule = resolveSettings(String(binding['schedule']), settings);
      const singleton = await holdSingleton(connection('AzureWebJobsStorage', target), target.name);
      singletons.push(singleton);
      timers.push(startTimer({ target, schedule, stateDirectory, singleton, invoke, log }));
      return;
    }
    default:
      throw new Error(`${target.name} has a binding of type ${binding.type}, which this host does not know.`);
  }
}

function connection(name: string, { name: functionName }: RegisteredFunction): string {
  const connectionString = settings[name];
  if (connectionString !== undefined) return connectionString;
  throw new Error(`${functionName} needs the app setting ${name}, which is not set.`);
}

/** A run beyond `functionTimeout` ends the worker and every other run in it, as on the real host; messages come again. */
function withTimeout(run: Invoke, milliseconds: number): Invoke {
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

/** Drain: take nothing new, finish what is in work, let the app say goodbye. A second signal does not wait. */
let draining = false;
async function drain(): Promise<void> {
  if (draining) process.exit(1);
  draining = true;
  await Promise.all([closeServer(), ...[...listeners, ...timers].map((each) => each.stop())]);
  await Promise.all(singletons.map((each) => each.stop()));
  for (const hook of core.hooks.appTerminate) await hook({ hookData: {}, appHookData: {} });
  process.exit(0);
}
/** Answers what was asked already. A connection that a client keeps for later is closed once it is idle. */
async function closeServer(): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  await closed;
  clearInterval(sweep);
}

process.on('SIGTERM', () => void drain());
process.on('SIGINT', () => void drain());
