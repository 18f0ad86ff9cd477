import { mkdir } from 'node:fs/promises';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { buildApp } from '../build.ts';
import { portsInUse, readLocalSettings } from './settings.ts';
import type { Child } from './stack/child.ts';
import { lockDirectory } from './stack/lock-directory.ts';
import { requireFree } from './stack/ports.ts';
import { announceStack } from './stack/running-stack.ts';
import { type Stack, startStack } from './stack.ts';

/*
 * `npm start` runs the stack in the foreground, on fixed ports, with its data in .local/. `npm run services` runs only the
 * emulators, for a Functions host of your own. Ctrl-C stops it. A second Ctrl-C kills it.
 */

const { values } = parseArgs({ options: { emulators: { type: 'boolean', default: false } } });
const emulatorsOnly = values.emulators;

let stack: Stack | undefined;
let withdrawAnnouncement = async () => {};
let isEnding = false;
let leaseText = '';

try {
  const { ports, directory, functionsKey, leaseSeconds, reconcileSchedule, keyVault } = readLocalSettings();
  leaseText = `${leaseSeconds} s`;
  // Fail before the build if another stack runs here. `startStack` takes the lock for good.
  await mkdir(directory, { recursive: true, mode: 0o700 });
  lockDirectory(directory)();
  await requireFree(ports, portsInUse({ emulatorsOnly, keyVault }));
  if (!emulatorsOnly) await buildApp();
  say(`Starting ${emulatorsOnly ? 'the emulators' : 'the local stack'} in ${directory} ...`);
  const hosts = emulatorsOnly ? 0 : 1;
  const started = { directory, ports, functionsKey, leaseSeconds, reconcileSchedule, keyVault, hosts, onUnexpectedEnd };
  stack = await startStack(started);
  if (!emulatorsOnly) withdrawAnnouncement = await announceStack(directory, stack);
  process.on('SIGINT', () => void end(0));
  process.on('SIGTERM', () => void end(0));
  process.on('SIGHUP', () => void end(0));
  endWithNpm();
  process.stdout.write(emulatorsOnly ? emulatorsText(stack) : stackText(stack));
  say(`Logs: ${relative('.', directory) || '.'}/logs/. Ctrl-C stops it.`);
} catch (error) {
  say(`error: ${(error as Error).message}`);
  process.exitCode = 1;
}

/** Restarts a Functions host, as Azure does. Stops the stack if another process ends, because the app needs all of them. */
function onUnexpectedEnd(child: Child, how: string): void {
  if (isEnding) return;
  say(`${child.name} ended (${how}). See ${child.logFile}`);
  if (!child.name.startsWith('functions')) return void end(1);
  child.restart().then(
    () =>
      say(`${child.name} was restarted. The messages that it was processing are delivered again within ${leaseText}.`),
    (error: Error) => {
      say(`error: ${error.message}`);
      void end(1);
    },
  );
}

/** npm sends a signal only to the shell that runs the script, and the shell does not pass it on. So watch the parent. */
function endWithNpm(): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const { ppid } = process;
  setInterval(() => {
    if (process.ppid !== ppid && !isEnding) void end(0);
  }, 500).unref();
}

async function end(exitCode: number): Promise<void> {
  if (isEnding) {
    await stack?.kill();
    process.exit(1);
  }
  isEnding = true;
  say('Stopping: running invocations are finished ...');
  await withdrawAnnouncement();
  await stack?.stop();
  process.exit(exitCode);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function emulatorsText({ urls, caPath, appSettings }: Stack): string {
  return `
The emulators are ready.
  blobs    ${urls.blobs}
  queues   ${urls.queues}
  Cosmos   ${urls.cosmos}
  DPS      ${urls.dps}   (and its hubs)

TLS CA certificate that clients must trust: ${caPath}
  NODE_EXTRA_CA_CERTS=${caPath} func start

App settings (Values in local.settings.json):
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

In another terminal, declare an enrollment group first:
  curl -X PUT ${api}/enrollment-groups/line7 ${key} -H "content-type: application/json" --data-binary @samples/line7.json

Submit a manifest to blob storage:
  npm run upload -- samples/gateways.csv --group line7

Submit an order to the queue:
  npm run order -- samples/order.json

Submit a manifest by HTTP:
  curl -i -X POST "${api}/jobs?enrollmentGroup=line7" ${key} -H "content-type: text/csv" --data-binary @samples/gateways.csv

Read the results:
  curl ${api}/jobs ${key}
  curl ${api}/devices/gw-000001 ${key}

`;
}
