import { relative } from 'node:path';
import { buildApp } from '../build.ts';
import { runCommand } from '../tools/command-line.ts';
import { consoleLink } from './console-link.ts';
import { onNpmEnd } from './end-with-npm.ts';
import { readLocalSettings } from './settings.ts';
import { createResources } from './stack/create-resources.ts';
import { diskProblem } from './stack/disk.ts';
import { keepRunning, type Restartable } from './stack/keep-running.ts';
import { announceStack } from './stack/running-stack.ts';
import { type Stack, startStack } from './stack.ts';

/*
 * `npm start` runs the stack in the foreground, on fixed ports, with its data in .local/. `npm run services` runs only the
 * emulators, for a Functions host of your own. Ctrl-C stops it. A second Ctrl-C kills it.
 */

const usage = `Usage: npm start
       npm run services

npm start runs the whole stack on this machine: the functions and the emulators of the Azure services.
npm run services runs only the emulators, for a Functions host of your own (func start).

  -h, --help   show this text

Settings are variables of the environment: the folder of all data (LOCAL_DIR, default .local), the ports, the function key.
infra/local/README.md lists them.

Exit codes: 0 after Ctrl-C, 1 if the stack cannot start or a service cannot be kept running, 2 invalid command line.

Example: LOCAL_DIR=/tmp/fleet FUNCTIONS_PORT=7072 npm start`;

/** Milliseconds between two checks of the disk. */
const diskInterval = 5_000;

let stack: Stack | undefined;
let withdrawAnnouncement = async () => {};
let isEnding = false;

await runCommand({ usage, options: { emulators: { type: 'boolean', default: false } } }, async ({ values }) => {
  await start(values.emulators);
  return undefined;
});

async function start(emulatorsOnly: boolean): Promise<void> {
  const { directory, leaseSeconds, ...settings } = readLocalSettings();
  const onUnexpectedEnd = keepRunning({
    directory,
    say,
    onRestart: (child) => afterRestart(child, leaseSeconds),
    onGiveUp: () => void end(1),
    isEnding: () => isEnding,
  });
  stack = await startStack({
    ...settings,
    directory,
    leaseSeconds,
    hosts: emulatorsOnly ? 0 : 1,
    estHosts: emulatorsOnly ? 0 : 1,
    onUnexpectedEnd,
    prepare: async () => {
      say(`Starting ${emulatorsOnly ? 'the emulators' : 'the local stack'} in ${directory} ...`);
      if (!emulatorsOnly) await buildApp();
    },
  });
  if (!emulatorsOnly) withdrawAnnouncement = await announceStack(directory, stack);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0));
  onNpmEnd(() => {
    if (!isEnding) void end(0);
  });
  watchDisk(directory);
  process.stdout.write(emulatorsOnly ? emulatorsText(stack) : stackText(stack));
  say(`Logs: ${relative('.', directory) || '.'}/logs/. Ctrl-C stops it.`);
}

/** @returns what a restart of the process means for the user */
async function afterRestart({ name }: Restartable, leaseSeconds: number): Promise<string> {
  if (name.startsWith('functions'))
    return `The messages that it was processing are delivered again within ${leaseSeconds} s.`;
  if (name.startsWith('est')) return 'A device that it was answering asks again.';
  // Azurite saves its index every few seconds only, so a young container or queue may be lost.
  if (stack !== undefined) await createResources(stack);
  return '';
}

/** Says once that the disk is full, and again after it had room. The services may answer errors instead of ending. */
function watchDisk(directory: string): void {
  let isFull = false;
  setInterval(async () => {
    const problem = await diskProblem(directory).catch(() => undefined);
    if (problem !== undefined && !isFull) say(problem);
    isFull = problem !== undefined;
  }, diskInterval).unref();
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

function stackText({ urls, functionsKey, caPath }: Stack): string {
  const api = `${urls.functions}/api`;
  const key = `-H "x-functions-key: ${functionsKey}"`;
  return `
The stack is ready. The console, signed in: ${consoleLink({ urls, functionsKey })}
  functions  ${api}   (x-functions-key: ${functionsKey})
  blobs      ${urls.blobs}
  queues     ${urls.queues}
  Cosmos     ${urls.cosmos}
  DPS        ${urls.dps}   (and its hubs)
  EST        ${urls.est}   (client certificate required; TLS CA: ${caPath})

In another terminal, declare an enrollment group, check a list, and submit it:
  npx fleet group apply samples/line7.json
  npx fleet check samples/gateways.csv --group line7
  npx fleet submit samples/gateways.csv --group line7 --watch

Submit an order to the queue:
  npx fleet order samples/order.json

Submit a manifest by HTTP:
  curl -i -X POST "${api}/jobs?enrollmentGroup=line7" ${key} -H "content-type: text/csv" --data-binary @samples/gateways.csv

Register a device with DPS, with the bundle that the app made for it:
  npx fleet device bundle gw-000001
  npm run register -- gw-000001.tar.gz

Read the results:
  npx fleet jobs
  npx fleet device show gw-000001
  curl ${api}/summary ${key}

`;
}
