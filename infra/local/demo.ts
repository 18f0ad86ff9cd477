import { rmSync } from 'node:fs';
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import pMap from 'p-map';
import { buildApp } from '../build.ts';
import { errorText, runCommand } from '../tools/command-line.ts';
import { consoleLink } from './console-link.ts';
import {
  type Api,
  createApi,
  type DeviceAnswer,
  type FindingsAnswer,
  type GroupAnswer,
  type JobAnswer,
} from './demo/api.ts';
import { readBundle } from './demo/bundle-files.ts';
import { type ErrorRow, readErrorReport } from './demo/error-report.ts';
import { type HubTwin, queryHubTwins } from './demo/hub-twin.ts';
import { type DemoOptions, options, readOptions, usage } from './demo/options.ts';
import { registerDevice } from './demo/register-device.ts';
import { writeResult } from './demo/result-directory.ts';
import { deviceTable, errorTable, jobTable, type Registered } from './demo/summary.ts';
import { onNpmEnd } from './end-with-npm.ts';
import type { Child } from './stack/child.ts';
import { announceStack } from './stack/running-stack.ts';
import { type Stack, startStack } from './stack.ts';

/*
 * `npm run demo`: declares a group, submits a manifest and an order, waits for the jobs, registers the devices with the
 * content of their bundles, reads their twins from the hub, and checks the results. Progress goes to stderr, the result to
 * stdout. With --keep, the stack then runs until Ctrl-C.
 */

/** Parallel requests to the API. */
const parallelRequests = 8;
/**
 * Devices that register in parallel. Each makes a TLS handshake and two or three requests, and waits a second in between. With
 * fewer, the processor waits too; with all of them at once, the last one would wait for its handshake.
 */
const parallelDevices = 256;
/** DPS accepts 1,000 registrations per minute. A larger quota keeps the demo from waiting for the next minute. */
const dpsArguments = ['--registrations-per-minute', '100000'];
/** The sweep at the end may ask the hub for all identities at once. */
const settings = { HUB_QUERIES_PER_MINUTE: '10000' };
/** Milliseconds without progress, after which a job is considered stuck. */
const progressTimeout = 120_000;
/** Milliseconds that a timer of the app has to do its work, and after which it is run again. */
const [timerTimeout, timerInterval] = [60_000, 5_000];

const say = (text: string) => process.stderr.write(`${text}\n`);

/** Exit code of a command that Ctrl-C ended: 128 and the number of SIGINT. */
const interruptedCode = 130;

await runCommand({ usage, options }, async (given) => runDemo(await readOptions(given)));

/** Runs the demo in a temporary folder, which is always deleted: it contains CA keys. @returns the exit code */
async function runDemo(demo: DemoOptions): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-demo-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  // This covers a crash of this process too.
  process.once('exit', remove);
  const { signal, interrupted } = onSignal();
  const { promise: processEnded, reject } = Promise.withResolvers<never>();
  // Nothing waits for it while the stack starts.
  processEnded.catch(() => {});
  const onUnexpectedEnd = ({ name }: Child, how: string) => reject(new Error(`${name} ended (${how}).`));
  let stack: Stack | undefined;
  let exitCode = 1;
  try {
    say(`Starting the local stack in ${directory} ...`);
    stack = await startStack({
      ...{ directory, ports: 'free', dpsArguments, settings, signal, onUnexpectedEnd },
      prepare: buildApp,
    });
    const { problems, jobs, devices } = await Promise.race([demonstrate(demo, stack), interrupted, processEnded]);
    for (const problem of problems.slice(0, 20)) say(`problem: ${problem}`);
    say(problems.length === 0 ? '\nAll checks passed.' : `\n${problems.length} checks failed.`);
    if (demo.keep) {
      await announceStack(directory, stack);
      process.stdout.write(keptText(stack, directory, { jobs, devices }));
      await Promise.race([interrupted.catch(() => {}), processEnded]);
    }
    exitCode = problems.length === 0 ? 0 : 1;
  } catch (error) {
    exitCode = signal.aborted ? interruptedCode : 1;
    say(signal.aborted ? 'Interrupted.' : `error: ${errorText(error)}`);
  }
  await (signal.aborted ? stack?.kill() : stack?.stop());
  if (exitCode === 1) await keepLogs(directory, demo);
  remove();
  return exitCode;
}

/** @returns a signal that Ctrl-C aborts, and a promise that is then rejected */
function onSignal(): { signal: AbortSignal; interrupted: Promise<never> } {
  const { promise, reject } = Promise.withResolvers<never>();
  const controller = new AbortController();
  controller.signal.addEventListener('abort', () => reject(controller.signal.reason));
  // Nothing waits for it while the stack starts.
  promise.catch(() => {});
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => controller.abort());
  onNpmEnd(() => controller.abort());
  return { signal: controller.signal, interrupted: promise };
}

/** Copies the logs of a failed demo out of its folder, and says where they are. Logs contain no keys. */
async function keepLogs(directory: string, { out }: DemoOptions): Promise<void> {
  const kept = out === undefined ? await mkdtemp(join(tmpdir(), 'fleet-demo-logs-')) : join(out, 'logs');
  try {
    await cp(join(directory, 'logs'), kept, { recursive: true });
    say(`The logs are in ${kept}. Keys and data of the demo were deleted.`);
  } catch (error) {
    say(`The logs could not be kept: ${errorText(error)}`);
  }
}

interface Demonstrated {
  /** The failed checks. */
  readonly problems: readonly string[];
  readonly jobs: readonly JobAnswer[];
  /** Those that have registered; all others if none has. */
  readonly devices: readonly string[];
}

async function demonstrate(demo: DemoOptions, stack: Stack): Promise<Demonstrated> {
  const api = createApi({ url: stack.urls.functions, key: stack.functionsKey });

  say(`Declaring enrollment group ${demo.group.id} ...`);
  const group = await api.put<GroupAnswer>(`enrollment-groups/${demo.group.id}`, demo.group.definition);
  const problems =
    group.enrollment.status === 'enrolled' ? [] : [`group ${group.id} is ${group.enrollment.status} in DPS`];

  const { name, body } = demo.manifest;
  say(`Uploading manifests/${group.id}/${name} to blob storage ...`);
  const blobs = BlobServiceClient.fromConnectionString(stack.storageConnectionString);
  await blobs.getContainerClient('manifests').getBlockBlobClient(`${group.id}/${name}`).upload(body, body.length);
  if (demo.order !== undefined) {
    say(`Sending order ${demo.order['orderId']} to the queue ...`);
    const queues = QueueServiceClient.fromConnectionString(stack.storageConnectionString);
    await queues.getQueueClient('orders').sendMessage(JSON.stringify(demo.order));
  }

  const jobs = await waitForJobs(api, demo.order === undefined ? 1 : 2);
  const errors: ErrorRow[] = [];
  for (const { jobId } of jobs) errors.push(...readErrorReport(await api.getText(`jobs/${jobId}/errors`)));
  problems.push(...jobProblems(jobs), ...errorProblems(errors, demo.expectedErrors));

  const devices = await listDevices(api, jobs);
  // Unchanged devices are listed under the job that created them.
  const provisioned = jobs.reduce((sum, { counts }) => sum + counts.provisioned, 0);
  if (devices.length !== provisioned)
    problems.push(`${provisioned} rows were provisioned, ${devices.length} devices have bundles`);
  const bundles = await fetchBundles(api, devices);
  if (demo.out !== undefined) await writeResult(demo.out, { api, jobs, group, bundles });

  const registered = await registerAll(api, stack, devices, { jobs, bundles, group, limit: demo.register });
  problems.push(
    ...registered.flatMap(({ deviceId, problem }) => (problem === undefined ? [] : [`device ${deviceId}: ${problem}`])),
  );

  const swept = await sweepNow(api, stack);
  const { findings } = await api.get<FindingsAnswer>('findings');
  problems.push(...findings.map(({ id, seen }) => `finding ${id}: ${JSON.stringify(seen)}`));

  process.stdout.write(`\n${jobTable(jobs)}\n`);
  if (errors.length > 0)
    process.stdout.write(`\nRows that were not accepted: ${errors.length}\n${errorTable(errors)}\n`);
  if (registered.length > 0)
    process.stdout.write(`\n${registered.length} devices registered with DPS:\n${deviceTable(registered)}\n`);
  process.stdout.write(`\nA sweep compared ${swept} devices with DPS and IoT Hub. Differences: ${findings.length}\n`);
  if (demo.out !== undefined) say(`\nSee ${demo.out}/: results.csv, errors.csv, devices/, ca/.`);
  return { problems, jobs, devices: (registered.length > 0 ? registered : devices).map(({ deviceId }) => deviceId) };
}

/** Where to look at what the demo made, while its stack runs. */
function keptText(stack: Stack, directory: string, { jobs, devices }: Omit<Demonstrated, 'problems'>): string {
  const [device] = devices;
  return `
The stack stays up until Ctrl-C. Then everything is deleted. In the console, signed in:
  overview   ${consoleLink(stack)}
${jobs.map(({ jobId, source }) => `  ${`${source} job`.padEnd(10)} ${consoleLink(stack, `jobs/${jobId}`)}\n`).join('')}${device === undefined ? '' : `  device     ${consoleLink(stack, `devices/${device}`)}\n`}
In another terminal:
  LOCAL_DIR=${directory} npx fleet jobs
`;
}

/**
 * Has a sweep begin now, and waits for its end.
 * @returns the number of device records that it compared
 */
async function sweepNow(api: Api, stack: Stack): Promise<number> {
  say('Comparing every device with DPS and IoT Hub ...');
  const asked = new Date();
  let compared: number | undefined;
  await runUntil('sweep', stack, async () => {
    const { latestSweep } = await api.get<FindingsAnswer>('findings');
    if (latestSweep !== undefined && new Date(latestSweep.began) > asked)
      compared = latestSweep.figures['devices'] ?? 0;
    return compared !== undefined;
  });
  if (compared === undefined) throw new Error('No sweep ended within a minute.');
  return compared;
}

/**
 * Runs a timer of the app at once, as an operator can, instead of waiting for its schedule. Ends when its work is done, and after
 * a minute at the latest.
 */
async function runUntil(timer: string, stack: Stack, isDone: () => Promise<boolean>): Promise<void> {
  const began = Date.now();
  for (let runAt = 0; Date.now() - began < timerTimeout; await sleep(150)) {
    // A run that finds another one at work leaves it the work, and that one may have begun too early.
    if (Date.now() - runAt >= timerInterval) {
      await runTimer(timer, stack);
      runAt = Date.now();
    }
    if (await isDone()) return;
  }
}

/** https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http */
async function runTimer(name: string, { urls, masterKey }: Stack): Promise<void> {
  const headers = { 'x-functions-key': masterKey, 'content-type': 'application/json' };
  const answer = await fetch(`${urls.functions}/admin/functions/${name}`, { method: 'POST', headers, body: '{}' });
  if (!answer.ok) throw new Error(`The host does not run the timer ${name}: it answers ${answer.status}.`);
}

/** Shows progress until `count` jobs exist and all have ended. @returns the jobs, oldest first */
async function waitForJobs(api: Api, count: number): Promise<JobAnswer[]> {
  const ended = ({ finishedAt }: JobAnswer) => finishedAt !== undefined;
  let shown = '';
  for (let since = Date.now(); Date.now() - since < progressTimeout; ) {
    const { jobs } = await api.get<{ jobs: JobAnswer[] }>('jobs');
    const line = jobs
      .map(({ source, percent, counts, status }) => `${source}: ${percent}% of ${counts.total} (${status})`)
      .join('   ');
    if (line !== shown) {
      say(`  ${line}`);
      since = Date.now();
    }
    shown = line;
    if (jobs.length >= count && jobs.every(ended)) return jobs.reverse();
    await sleep(250);
  }
  throw new Error(`No progress for ${progressTimeout / 1000} seconds: ${shown || 'no job was created'}`);
}

function jobProblems(jobs: readonly JobAnswer[]): string[] {
  return jobs.flatMap(({ name, status, counts, reason }) => {
    const { total, provisioned, unchanged, rejected, failed, waiting } = counts;
    const found: string[] = [];
    if (status === 'failed') found.push(`job ${name} failed: ${reason?.message} ${reason?.hint}`);
    if (provisioned + unchanged + rejected + failed + waiting !== total)
      found.push(`the counts of job ${name} do not add up`);
    if (failed > 0) found.push(`${failed} rows of job ${name} failed`);
    if (provisioned + unchanged === 0) found.push(`job ${name} provisioned nothing`);
    return found;
  });
}

/** Compares the reported errors with the known errors of the sample. */
function errorProblems(
  errors: readonly { line: string; code: string }[],
  expected: readonly string[] | undefined,
): string[] {
  if (expected === undefined) return [];
  const found = errors.map(({ line, code }) => `${line} ${code}`);
  return [
    ...expected
      .filter((entry) => !found.includes(entry))
      .map((entry) => `an invalid row of the sample was not reported: ${entry}`),
    ...found
      .filter((entry) => !expected.includes(entry))
      .map((entry) => `a valid row of the sample was reported: ${entry}`),
  ];
}

async function listDevices(api: Api, jobs: readonly JobAnswer[], filter = ''): Promise<DeviceAnswer[]> {
  const all: DeviceAnswer[] = [];
  for (const { jobId } of jobs) {
    let path: string | undefined = `devices?job=${jobId}&limit=1000${filter}`;
    while (path !== undefined) {
      const page: { devices: DeviceAnswer[]; next?: string } = await api.get(path);
      all.push(...page.devices);
      path = page.next?.replace(/^\/api\//, '');
    }
  }
  return all.filter(({ bundle }) => bundle !== undefined);
}

function fetchBundles(api: Api, devices: readonly DeviceAnswer[]): Promise<[string, Buffer][]> {
  say(`Fetching ${devices.length} bundles ...`);
  const fetchOne = async ({ deviceId }: DeviceAnswer): Promise<[string, Buffer]> => [
    deviceId,
    await api.getBytes(`devices/${deviceId}/bundle`),
  ];
  return pMap(devices, fetchOne, { concurrency: parallelRequests });
}

interface Registering {
  readonly jobs: readonly JobAnswer[];
  readonly bundles: readonly [string, Buffer][];
  readonly group: GroupAnswer;
  readonly limit: number;
}

/** Registers the devices, waits until their records show it, and compares the hub with the records. */
async function registerAll(
  api: Api,
  stack: Stack,
  devices: readonly DeviceAnswer[],
  { jobs, bundles, group, limit }: Registering,
): Promise<Registered[]> {
  const { keyCustody } = group.definition;
  if (keyCustody !== 'plain') {
    say(`Key custody is "${keyCustody}": only the device has its key, so the demo cannot register it.`);
    return [];
  }
  const some = bundles.slice(0, limit);
  say(`Registering ${some.length} devices with DPS over mutual TLS ...`);
  const hubs = new Map<string, string>();
  const problems = new Map<string, string>();
  const progress = progressCounter(some.length);
  await pMap(
    some,
    async ([deviceId, bundle]) => {
      try {
        hubs.set(deviceId, await registerDevice(deviceId, await readBundle(bundle), stack.dps));
      } catch (error) {
        problems.set(deviceId, `could not register: ${(error as Error).message}`);
      }
      progress();
    },
    { concurrency: parallelDevices },
  );

  say('Waiting until their records show the registration ...');
  const registered = some.map(([deviceId]) => deviceId).filter((deviceId) => !problems.has(deviceId));
  await untilAssigned(registered, api, stack, jobs);
  const asked = new Map(devices.map((device) => [device.deviceId, device]));
  const twins = await twinsOf(hubs, stack);
  return pMap(
    some,
    async ([deviceId]) => {
      const hub = hubs.get(deviceId) ?? '';
      const twin = twins.get(deviceId);
      const problem = problems.get(deviceId) ?? (twin === undefined ? `hub ${hub} does not have it` : undefined);
      if (problem !== undefined || twin === undefined) return { deviceId, hub, tags: {}, problem };
      // Alone, a device is shown with what its twin has of the group.
      const record = await api.get<DeviceAnswer>(`devices/${deviceId}`);
      return { deviceId, hub, tags: twin.tags, problem: difference({ record, hub, twin, asked: asked.get(deviceId) }) };
    },
    { concurrency: parallelRequests },
  );
}

/** @param hubs the hub of each device. @returns the twins by device id */
async function twinsOf(hubs: ReadonlyMap<string, string>, stack: Stack): Promise<ReadonlyMap<string, HubTwin>> {
  const byHub = Map.groupBy(hubs, ([, hub]) => hub);
  const found = await pMap(byHub, ([hub, devices]) => {
    const deviceIds = devices.map(([deviceId]) => deviceId);
    return queryHubTwins(stack.hubConnectionString, hub, deviceIds);
  });
  return new Map(found.flatMap((twins) => [...twins]));
}

/** @returns a function to call after each device; it reports every 250 devices */
function progressCounter(total: number): () => void {
  let done = 0;
  return () => {
    done += 1;
    if (done % 250 === 0 || done === total) say(`  ${done} of ${total}`);
  };
}

/** Has the app ask DPS which devices have registered, and waits at most a minute until it knows it of these. */
async function untilAssigned(
  deviceIds: readonly string[],
  api: Api,
  stack: Stack,
  jobs: readonly JobAnswer[],
): Promise<void> {
  await runUntil('reconcile-registrations', stack, async () => {
    const assigned = new Set((await listDevices(api, jobs, '&status=assigned')).map(({ deviceId }) => deviceId));
    return deviceIds.every((deviceId) => assigned.has(deviceId));
  });
}

interface Observed {
  readonly record: DeviceAnswer;
  readonly hub: string;
  readonly twin: HubTwin;
  readonly asked: DeviceAnswer | undefined;
}

function difference({ record, hub, twin, asked }: Observed): string | undefined {
  if (record.status !== 'assigned') return `the status of its record is ${record.status}`;
  if (record.registration.assignedHub !== hub)
    return `its record names hub ${record.registration.assignedHub}, DPS assigned ${hub}`;
  if (!isDeepStrictEqual(twin.tags, record.twin.tags))
    return `its twin has different tags: ${JSON.stringify(twin.tags)}`;
  if (!isDeepStrictEqual(twin.desired, record.twin.desired))
    return `its twin has different desired properties: ${JSON.stringify(twin.desired)}`;
  const thumbprints = [asked?.certificate.sha256Thumbprint, asked?.certificate.sha1Thumbprint];
  if (!thumbprints.includes(twin.thumbprint)) return `the hub has a different certificate: ${twin.thumbprint}`;
  return undefined;
}
