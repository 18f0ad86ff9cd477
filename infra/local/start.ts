import { mkdir } from 'node:fs/promises';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { buildApp } from '../build.ts';
import { portsInUse, readLocalSettings } from './settings.ts';
import type { Child } from './stack/child.ts';
import { holdDirectory } from './stack/hold-directory.ts';
import { requireFree } from './stack/ports.ts';
import { announceStack } from './stack/running-stack.ts';
import { type Stack, startStack } from './stack.ts';

/*
 * `npm start`: the stack in the foreground, on known ports, with its state in .local/. `npm run services`: the stand-ins
 * alone, for a Functions host of your own. Ctrl-C ends it; a second Ctrl-C ends it at once.
 */

const { values } = parseArgs({ options: { 'stand-ins': { type: 'boolean', default: false } } });
const standInsAlone = values['stand-ins'];

let stack: Stack | undefined;
let forget = async () => {};
let ending = false;
let lease = '';

try {
  const { ports, directory, functionsKey, leaseSeconds, reconcileSchedule, keyVault } = readLocalSettings();
  lease = `${leaseSeconds} s`;
  // Before anything is built under another stack's feet; from there on the stack itself holds it.
  await mkdir(directory, { recursive: true, mode: 0o700 });
  holdDirectory(directory)();
  await requireFree(ports, portsInUse({ standInsAlone, keyVault }));
  if (!standInsAlone) await buildApp();
  say(`Starting ${standInsAlone ? 'the stand-ins' : 'the local stack'} in ${directory} ...`);
  const hosts = standInsAlone ? 0 : 1;
  const started = { directory, ports, functionsKey, leaseSeconds, reconcileSchedule, keyVault, hosts, onUnexpectedEnd };
  stack = await startStack(started);
  if (!standInsAlone) forget = await announceStack(directory, stack);
  process.on('SIGINT', () => void end(0));
  process.on('SIGTERM', () => void end(0));
  process.on('SIGHUP', () => void end(0));
  endWithNpm();
  process.stdout.write(standInsAlone ? standInsText(stack) : stackText(stack));
  say(`Logs: ${relative('.', directory) || '.'}/logs/. Ctrl-C ends it.`);
} catch (error) {
  say(`error: ${(error as Error).message}`);
  process.exitCode = 1;
}

/** A host that ended by itself, as after a run beyond its time, is started again, as in Azure; without a store nothing goes on. */
function onUnexpectedEnd(child: Child, how: string): void {
  if (ending) return;
  say(`${child.name} ended (${how}). See ${child.logFile}`);
  if (!child.name.startsWith('functions')) return void end(1);
  child.restart().then(
    () => say(`${child.name} was started again. Messages it had in work come again within ${lease}.`),
    (error: Error) => {
      say(`error: ${error.message}`);
      void end(1);
    },
  );
}

/** npm hands a signal to the shell that it runs scripts in, and that one ends without telling us. */
function endWithNpm(): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const { ppid } = process;
  setInterval(() => {
    if (process.ppid !== ppid && !ending) void end(0);
  }, 500).unref();
}

async function end(exitCode: number): Promise<void> {
  if (ending) {
    await stack?.kill();
    process.exit(1);
  }
  ending = true;
  say('Ending: what is in work is finished ...');
  await forget();
  await stack?.stop();
  process.exit(exitCode);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function standInsText({ urls, caPath, appSettings }: Stack): string {
  return `
The stand-ins are ready.
  blobs    ${urls.blobs}
  queues   ${urls.queues}
  Cosmos   ${urls.cosmos}
  DPS      ${urls.dps}   (and its hubs)

Their TLS certificate: ${caPath}
  NODE_EXTRA_CA_CERTS=${caPath} func start

Settings of the app (local.settings.json, Values):
${JSON.stringify(appSettings, undefined, 2).replaceAll(/^/gm, '  ')}

`;
}

function stackText({ urls, functionsKey }: Stack): string {
  const api = `${urls.functions}/api`;
  const key = `-H "x-functions-key: ${functionsKey}"`;
  return `
The stack is ready.
  functions  ${api}   (x-functions-key: ${functionsKey})
  blobs      ${urls.blobs}
  queues     ${urls.queues}
  Cosmos     ${urls.cosmos}
  DPS        ${urls.dps}   (and its hubs)

First, in another terminal, declare an enrollment group:
  curl -X PUT ${api}/enrollment-groups/line7 ${key} -H "content-type: application/json" --data-binary @samples/line7.json

A manifest in blob storage:
  npm run upload -- samples/gateways.csv --group line7

An order on the queue:
  npm run order -- samples/order.json

A manifest by HTTP:
  curl -i -X POST "${api}/jobs?enrollmentGroup=line7" ${key} -H "content-type: text/csv" --data-binary @samples/gateways.csv

What became of them:
  curl ${api}/jobs ${key}
  curl ${api}/devices/gw-000001 ${key}

`;
}
