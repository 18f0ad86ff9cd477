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
import { createInvoke, type HostLog } from './invocation.ts';
import { listenToQueue, type QueueListener } from './queue-listener.ts';
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
  process.stdout.write(values.json ? `${JSON.stringify({ at, ...line })}\n` : `${at} ${level} [${functionName}${id}] ${message}\n`);
};

dieWithParent();
const settings = process.env;
const appDirectory = resolve(values.app);
const stateDirectory = resolve(values.state);
const core = provideFunctionsCore((level, category, message) => log({ level, category, message }));
const host = await readHostJson(appDirectory);
await loadApp(appDirectory, core);
const invoke = createInvoke(core, log);

const server = createHttpServer({
  ...{ core, invoke, settings, log, routePrefix: host.routePrefix },
  functionKey: values.key,
  masterKey: values['master-key'],
});
server.listen(Number(values.port), '127.0.0.1');
await once(server, 'listening');

const listeners: QueueListener[] = [];
const timers: RunningTimer[] = [];
for (const target of core.functions.values()) {
  if (isDisabled(target.name, settings)) continue;
  for (const binding of Object.values(target.bindings)) start(target, binding);
}
const { port } = server.address() as AddressInfo;
process.stdout.write(`${core.functions.size} functions ready at http://localhost:${port}/${host.routePrefix}\n`);

function start(target: RegisteredFunction, binding: Binding): void {
  if (binding.type === 'queueTrigger') {
    const queueName = resolveSettings(String(binding['queueName']), settings).toLowerCase();
    const connection = String(binding['connection']);
    const connectionString = settings[connection];
    if (connectionString === undefined) throw new Error(`${target.name} needs the app setting ${connection}, which is not set.`);
    const leaseSeconds = Number(values.lease);
    listeners.push(listenToQueue({ target, queueName, connectionString, leaseSeconds, settings: host.queues, invoke, log }));
  }
  if (binding.type === 'timerTrigger') {
    const schedule = resolveSettings(String(binding['schedule']), settings);
    timers.push(startTimer({ target, schedule, stateDirectory, invoke, log }));
  }
}

/** Drain: take nothing new, finish what is in work, let the app say goodbye. A second signal does not wait. */
let draining = false;
async function drain(): Promise<void> {
  if (draining) process.exit(1);
  draining = true;
  server.close();
  server.closeIdleConnections();
  await Promise.all([...listeners, ...timers].map((each) => each.stop()));
  for (const hook of core.hooks.appTerminate) await hook({ hookData: {}, appHookData: {} });
  process.exit(0);
}
process.on('SIGTERM', () => void drain());
process.on('SIGINT', () => void drain());
