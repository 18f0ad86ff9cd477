import { answered, type Schemas } from '../api.ts';
import type { Context } from '../context.ts';
import { exitCodes, usageError } from '../errors.ts';
import { readGroup } from '../group-plan.ts';
import type { Line } from '../output.ts';
import { plural } from '../text.ts';
import { groupLines } from './groups.ts';

type Rollover = Schemas['GroupRollover'];
type Gate = Schemas['RolloverGate'];

interface RolloverOptions {
  readonly start?: true | undefined;
  readonly from?: number | undefined;
  readonly force?: true | undefined;
  readonly complete?: true | undefined;
  readonly forceLockedOut?: number | undefined;
  readonly yes?: true | undefined;
}

/** `fleet group rollover`: what a rollover waits for, its start, or its end. */
export async function rollover(context: Context, id: string, options: RolloverOptions): Promise<number> {
  const { start, from, force, complete, forceLockedOut } = options;
  if (start && complete) throw usageError('--start and --complete are two acts.', 'Give one of them.');
  if (!start && (from !== undefined || force))
    throw usageError('--from and --force belong to --start.', 'Add --start.');
  if (!complete && forceLockedOut !== undefined)
    throw usageError('--force-locked-out belongs to --complete.', 'Add --complete.');
  if (start) return startRollover(context, id, options);
  if (complete) return completeRollover(context, id, options);
  await context.output.one(await readRollover(context, id), rolloverLines);
  return exitCodes.ok;
}

async function readRollover({ api }: Context, id: string): Promise<Rollover> {
  const { client } = await api();
  return answered(client.GET('/enrollment-groups/{id}/rollover', { params: { path: { id } } }));
}

export function rolloverLines({ id, currentCa, olderCa, removing, startedBy, gate }: Rollover): Line[] {
  return [
    ['group', id],
    ['current CA', currentCa?.generation],
    ['started by', olderCa === undefined ? undefined : startedBy?.by],
    ['older CA', olderCa === undefined ? 'none' : olderCa.generation],
    ['ends', olderCa?.notAfter, 'time'],
    ['removed by', removing === undefined ? undefined : `${removing.by}, not finished: repeat --complete`],
    ...(gate === undefined ? [] : gateLines(gate)),
  ];
}

function gateLines(gate: Gate): Line[] {
  const { open, devicesLockedOut, notRenewed, notConfirmed, notInstalled, pastShelfLife, estIds } = gate;
  return [
    ['gate', open ? 'open' : `closed: ${plural(devicesLockedOut, 'device')} could not register any more`],
    ['not renewed', notRenewed.devices],
    ['not confirmed', notConfirmed.devices],
    ['not installed', notInstalled.devices],
    ['past shelf life', pastShelfLife.devices],
    ['EST credentials', estIds.devices],
    ['opens by', gate.opensBy, 'time'],
    ['counted', gate.observedAt, 'time'],
  ];
}

async function startRollover(context: Context, id: string, options: RolloverOptions): Promise<number> {
  const { api, output, terminal, say, confirm } = context;
  const { client } = await api();
  const { group } = await readGroup(await api(), id);
  const [current, oldest] = group.issuingCas;
  // So a request that is sent twice rolls over once.
  const from = options.from ?? current?.generation ?? 0;
  say(`CA ${from + 1} of ${id} becomes the current one; CA ${from} is still accepted.`);
  if (oldest !== undefined)
    say(`CA ${oldest.generation} leaves DPS: devices that have only its certificate could no longer register.`);
  await confirm(`Roll over ${id}?`, options);
  const query = { from, ...(options.force ? { force: options.force } : {}) };
  const rolled = await answered(client.POST('/enrollment-groups/{id}/rollover', { params: { path: { id }, query } }));
  await output.one(rolled, (one) => groupLines(one, terminal.now()));
  return rolled.enrollment.status === 'refused' ? exitCodes.failed : exitCodes.ok;
}

async function completeRollover(context: Context, id: string, options: RolloverOptions): Promise<number> {
  const { api, output, terminal, say, confirm } = context;
  const { client } = await api();
  const { olderCa, gate } = await readRollover(context, id);
  const { forceLockedOut } = options;
  if (olderCa !== undefined) {
    say(
      `CA ${olderCa.generation} of ${id} leaves DPS. ${plural(gate?.devicesLockedOut ?? 0, 'device')} could no longer register.`,
    );
    await confirm(`Remove CA ${olderCa.generation}?`, options);
  }
  const body = forceLockedOut === undefined ? {} : { force: { devicesLockedOut: forceLockedOut } };
  const path = '/enrollment-groups/{id}/rollover/complete';
  const completed = await answered(client.POST(path, { params: { path: { id } }, body }));
  await output.one(completed, (one) => groupLines(one, terminal.now()));
  return completed.enrollment.status === 'refused' ? exitCodes.failed : exitCodes.ok;
}
