import { readFile } from 'node:fs/promises';
import { answered, type Schemas } from '../api.ts';
import type { Device } from '../bundles.ts';
import type { Context } from '../context.ts';
import { CliError, exitCodes, usageError } from '../errors.ts';
import type { Column, Line } from '../output.ts';
import { writeList } from '../paging.ts';
import { createProgress } from '../progress.ts';
import { ask, readInput } from '../terminal.ts';
import { duration, grouped, plural } from '../text.ts';
import { deviceLines } from './devices.ts';

export type ActKind = Schemas['FleetActRequest']['act'];
type Act = Schemas['FleetAct'];
type Filter = Schemas['FleetActRequest']['filter'];

interface ActOptions {
  readonly reason: string;
  readonly group?: string | undefined;
  readonly job?: string | undefined;
  readonly tag?: { readonly path: string; readonly value: string } | undefined;
  readonly idsFrom?: string | undefined;
  readonly perMinute?: number | undefined;
  readonly dryRun?: true | undefined;
  readonly yes?: true | undefined;
  readonly watch?: true | undefined;
}

/** Acts that cannot be undone. */
const final: readonly ActKind[] = ['revoke', 'scrap'];

/** The verb of an act: on the device that is named, or on those that the options select. */
export function actOn(act: ActKind) {
  return async (context: Context, deviceId: string | undefined, options: ActOptions): Promise<number> => {
    const { group, job, tag, idsFrom } = options;
    const selects = [group, job, tag, idsFrom].some((option) => option !== undefined);
    if (deviceId !== undefined && selects) throw usageError('Name one device, or select devices by options, not both.');
    if (deviceId !== undefined) return onDevice(context, act, deviceId, options);
    if (!selects)
      throw usageError('Which devices are meant is not said.', 'Name one, or use --group, --job, --tag or --ids-from.');
    return onMany(context, act, await filtersOf(context, options), options);
  };
}

async function onDevice(context: Context, act: ActKind, deviceId: string, options: ActOptions): Promise<number> {
  if (options.dryRun) throw usageError('--dry-run counts devices. It is for acts on many.');
  if (final.includes(act)) await context.confirm(`${titled(act)} ${deviceId}? This cannot be undone.`, options);
  const device = await sendOne(context, act, deviceId, options.reason);
  await context.output.one(device, deviceLines);
  const open = Object.values(device.block?.doors ?? {}).filter(({ state }) => state === 'not yet').length;
  if (open > 0) {
    context.say(`${plural(open, 'door')} not closed yet. The deployment goes on by itself.`);
    context.say(`next: fleet device show ${deviceId}`);
  }
  return exitCodes.ok;
}

async function sendOne(context: Context, act: ActKind, deviceId: string, reason: string): Promise<Device> {
  const { client } = await context.api();
  const path = { deviceId };
  const body = { reason };
  if (act === 'scrap') return answered(client.DELETE('/devices/{deviceId}', { params: { path, query: { reason } } }));
  if (act === 'suspend') return answered(client.POST('/devices/{deviceId}/suspend', { params: { path }, body }));
  if (act === 'revoke') return answered(client.POST('/devices/{deviceId}/revoke', { params: { path }, body }));
  return answered(client.POST('/devices/{deviceId}/restore', { params: { path }, body }));
}

/** Most ids of one act (functions/http/fleet-acts.ts). */
const idsPerAct = 10_000;

/** The filters of the acts that are needed: one, unless a file has more ids than an act takes. */
async function filtersOf({ terminal }: Context, { group, job, tag, idsFrom }: ActOptions): Promise<Filter[]> {
  const common = {
    ...(group === undefined ? {} : { group }),
    ...(job === undefined ? {} : { job }),
    ...(tag === undefined ? {} : { tag }),
  };
  if (idsFrom === undefined) return [common];
  const text = idsFrom === '-' ? await readInput(terminal) : await readFile(idsFrom, 'utf8');
  const ids = [...new Set(text.split(/\r?\n/).map((line) => line.trim()))].filter((id) => id !== '');
  if (ids.length === 0) throw usageError(`${idsFrom} has no id.`, 'Write one id of a device per line.');
  const parts = Array.from({ length: Math.ceil(ids.length / idsPerAct) }, (_, index) =>
    ids.slice(index * idsPerAct, (index + 1) * idsPerAct),
  );
  return parts.map((deviceIds) => ({ ...common, deviceIds }));
}

async function onMany(
  context: Context,
  act: ActKind,
  filters: readonly Filter[],
  options: ActOptions,
): Promise<number> {
  const { say, output } = context;
  const limit = options.perMinute === undefined ? {} : { devicesPerMinute: options.perMinute };
  const requests = filters.map((filter) => ({ act, filter, reason: options.reason, ...limit }));
  const { counts, ...estimate } = await estimated(context, requests);
  const { devices, minutes } = estimate;
  say(`${titled(act)}: ${plural(devices, 'device')}, about ${duration(minutes * 60)} (limited by ${estimate.limit}).`);
  if (options.dryRun || devices === 0) {
    await output.one(estimate, () => [
      ['devices', devices],
      ['minutes', minutes],
      ['limit', estimate.limit],
    ]);
    return exitCodes.ok;
  }
  await confirmMany(context, act, devices, options);
  const { client } = await context.api();
  const begun: Act[] = [];
  for (const [index, request] of requests.entries()) {
    // Another number by now than the one that was confirmed is refused.
    const body = { ...request, expectedDevices: counts[index] ?? 0 };
    begun.push((await answered(client.POST('/device-acts', { body }))) as Act);
  }
  for (const { actId } of begun) say(`Act ${actId} has begun.`);
  if (!options.watch) {
    for (const one of begun) await output.one(one, actLines);
    for (const { actId } of begun) say(`next: fleet act show ${actId} --watch`);
    return exitCodes.ok;
  }
  let code: number = exitCodes.ok;
  for (const { actId } of begun) code = Math.max(code, await awaitAct(context, actId));
  return code;
}

async function estimated(context: Context, requests: readonly Schemas['FleetActRequest'][]) {
  const { client } = await context.api();
  let [devices, minutes, limit] = [0, 0, 'hub registry'];
  const counts: number[] = [];
  for (const request of requests) {
    const answer = await answered(client.POST('/device-acts', { body: { ...request, dryRun: true } }));
    const one = answer as Schemas['FleetActEstimate'];
    [devices, minutes, limit] = [devices + one.devices, minutes + one.minutes, one.limit];
    counts.push(one.devices);
  }
  return { devices, minutes, limit, counts };
}

/** A final act on many devices wants the number of devices typed; another one wants a yes. */
async function confirmMany(context: Context, act: ActKind, devices: number, options: ActOptions): Promise<void> {
  const question = `${titled(act)} ${plural(devices, 'device')}?`;
  if (options.yes || !context.terminal.isTerminal.stdin || !final.includes(act)) {
    await context.confirm(question, options);
    return;
  }
  const answer = await ask(context.terminal, `${question} This cannot be undone. Type the number of devices: `);
  if (answer.replaceAll(',', '') === String(devices)) return;
  throw new CliError(exitCodes.failed, 'Not confirmed. Nothing was done.');
}

const columns: readonly Column<Act>[] = [
  { name: 'act', value: ({ actId }) => actId },
  { name: 'does', value: ({ act }) => act },
  { name: 'status', value: ({ status }) => status, kind: 'status' },
  { name: 'devices', value: ({ estimate }) => estimate.devices },
  { name: 'done', value: ({ counts }) => counts.done },
  { name: 'refused', value: ({ counts }) => counts.refused },
  { name: 'by', value: ({ by }) => by },
  { name: 'reason', value: ({ reason }) => reason },
  { name: 'started', value: ({ startedAt }) => startedAt, kind: 'time' },
];

export async function listActs(context: Context, { limit }: { limit?: number | undefined }): Promise<undefined> {
  const { client } = await context.api();
  await writeList(context, columns, limit, async (page) => {
    const answer = await answered(client.GET('/device-acts', { params: { query: page } }));
    return { items: answer.acts, continuation: answer.continuation };
  });
  return undefined;
}

export async function showAct(context: Context, actId: string, options: { watch?: true | undefined }): Promise<number> {
  if (options.watch) return awaitAct(context, actId);
  await context.output.one(await readAct(context, actId), actLines);
  return exitCodes.ok;
}

async function readAct(context: Context, actId: string): Promise<Act> {
  const { client } = await context.api();
  return answered(client.GET('/device-acts/{actId}', { params: { path: { actId } } }));
}

export async function cancelAct(context: Context, actId: string): Promise<undefined> {
  const { client } = await context.api();
  const act = await answered(client.POST('/device-acts/{actId}/cancel', { params: { path: { actId } } }));
  await context.output.one(act, actLines);
  return undefined;
}

/** Milliseconds between two looks at an act. */
const pause = 2000;

/** Waits until an act is done. @returns 1 when devices refused, or when it was cancelled */
async function awaitAct(context: Context, actId: string): Promise<number> {
  const progress = createProgress(context);
  try {
    for (;;) {
      const act = await readAct(context, actId);
      const { done, underway, refused, unchanged } = act.counts;
      if (act.status !== 'running') {
        progress.end();
        await context.output.one(act, actLines);
        return act.status === 'completed' && refused === 0 ? exitCodes.ok : exitCodes.failed;
      }
      const worked = done + underway + refused + unchanged;
      const { devices } = act.estimate;
      const counts = `${grouped(done)} done, ${grouped(underway)} underway, ${grouped(refused)} refused`;
      progress.show(
        `${act.act}: ${grouped(worked)} of about ${grouped(devices)}; ${counts}`,
        worked / Math.max(devices, 1),
      );
      await context.terminal.sleep(pause);
    }
  } finally {
    progress.end();
  }
}

function actLines(act: Act): Line[] {
  return [
    ['act', act.actId],
    ['does', act.act],
    ['status', act.status, 'status'],
    ['reason', act.reason],
    ['by', act.by],
    ['done', act.counts.done],
    ['underway', act.counts.underway],
    ['refused', act.counts.refused],
    ['unchanged', act.counts.unchanged],
    ['estimate', `${plural(act.estimate.devices, 'device')}, about ${duration(act.estimate.minutes * 60)}`],
    ['started', act.startedAt, 'time'],
    ['finished', act.finishedAt, 'time'],
    ...act.refusals.map(({ deviceId, code, message }): Line => ['', `${deviceId}: ${message} (${code})`]),
  ];
}

function titled(act: ActKind): string {
  return `${act.slice(0, 1).toUpperCase()}${act.slice(1)}`;
}
