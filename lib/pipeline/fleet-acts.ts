import { isDeepStrictEqual } from 'node:util';
import { auditedEach } from '../audit/audit.ts';
import { isBlocked } from '../devices/blocking.ts';
import { certificatesOf } from '../devices/certificates.ts';
import type { DeviceRecord } from '../devices/device.ts';
import { inUse } from '../devices/reissue.ts';
import { enrollmentsPerCall } from '../enrollment/enrollments.ts';
import { FleetError, orFleetError } from '../errors.ts';
import { dpsOf } from '../groups/dps-instance.ts';
import { dpsOperationsOf } from '../jobs/estimate.ts';
import type { FleetAct, FleetActCounts, FleetActEstimate, FleetActFilter, FleetActKind } from '../jobs/fleet-act.ts';
import type { Page, Versioned } from '../storage.ts';
import { fleetActOn } from './audit-acts.ts';
import { type BlockPorts, blockDevices, type Reason, restoreDevices } from './block-device.ts';
import type { DeleteDevicePorts } from './delete-device.ts';
import type { Ports } from './ports.ts';
import { scrapDevice } from './scrap-device.ts';

export type FleetActPorts = BlockPorts &
  DeleteDevicePorts &
  Pick<Ports, 'fleetActs' | 'registryOperationsPerMinute' | 'deployment'>;

export interface FleetActRequest {
  readonly kind: FleetActKind;
  readonly filter: FleetActFilter;
  readonly by: string;
  readonly reason: string;
  readonly devicesPerMinute?: number | undefined;
}

/** Devices per page of the list. */
const pageSize = 1000;

/**
 * A message is worked on for about this long, and the next one goes on. In between, the doors of single devices get their turn
 * (functions/queues.ts).
 */
const longestRunMs = 30_000;

/** Seconds after which the message of an act is taken for lost. It waits for its turn among other acts. */
const lostAfterSeconds = 900;

/** A message this early is the second of its act: clocks do not differ by as much. */
const earlyMs = 5_000;

const minuteMs = 60_000;

/** Refusals that an act keeps. */
const maxRefusals = 20;

/**
 * Operations per device, of DPS and of the registry of its hub: a read, a write and a read of each door, the registration that
 * names the hub, and the look after a minute. A restore makes its changes twice. A scrapped device is deleted at its hub too.
 */
const callsPerDevice: Readonly<Record<FleetActKind, FleetActEstimate['calls']>> = {
  suspend: { dps: 6, hub: 4 },
  revoke: { dps: 6, hub: 4 },
  restore: { dps: 8, hub: 6 },
  scrap: { dps: 9, hub: 6 },
};

/** Attempts to write an act while it is cancelled. */
const maxWriteAttempts = 10;

/** Counts the devices of an act, and changes nothing. */
export async function estimateFleetAct(request: FleetActRequest, ports: FleetActPorts): Promise<FleetActEstimate> {
  const { kind, devicesPerMinute } = request;
  const directory = await ports.groups.directory();
  const inInstance = new Map<string, number>();
  let devices = 0;
  let atHubs = 0;
  for await (const record of devicesOf(request.filter, undefined, ports)) {
    if (!isOpen(record, kind)) continue;
    devices += 1;
    const instance = dpsOf(directory.get(record.enrollmentGroup)?.value.definition ?? {});
    inInstance.set(instance, (inInstance.get(instance) ?? 0) + 1);
    if (isAtHub(record)) atHubs += 1;
  }
  const { dps, hub } = callsPerDevice[kind];
  const calls = { dps: devices * dps, hub: atHubs * hub };
  const dpsMinutes = [...inInstance].map(([name, own]) => (own * dps) / dpsOperationsOf(ports.deployment, name));
  const byLimit = [
    { limit: 'hub registry', minutes: calls.hub / ports.registryOperationsPerMinute },
    { limit: 'DPS', minutes: Math.max(0, ...dpsMinutes) },
    { limit: 'devicesPerMinute', minutes: devicesPerMinute === undefined ? 0 : devices / devicesPerMinute },
  ] as const;
  const longest = byLimit.reduce((most, each) => (each.minutes > most.minutes ? each : most));
  return { devices, calls, minutes: Math.ceil(longest.minutes), limit: longest.limit };
}

/** Whether the device has been at a hub, as far as its record says. */
function isAtHub(record: DeviceRecord): boolean {
  const { registration } = record;
  return [registration, ...certificatesOf(record)].some((each) => each?.assignedHub !== undefined);
}

/**
 * Begins an act on many devices. The queue works on them in the order of their ids.
 * @param actId of a request that is repeated: the act that it began is returned
 * @param options.delaySeconds until it begins
 * @param options.expectedDevices how many devices a person confirmed. Devices can join a group between the count and the act
 * @throws FleetError `method-conflict` when it would change another number of devices; `throttled`, `unavailable`
 */
export async function beginFleetAct(
  actId: string,
  request: FleetActRequest,
  ports: FleetActPorts,
  {
    delaySeconds = 0,
    expectedDevices,
  }: { readonly delaySeconds?: number; readonly expectedDevices?: number | undefined } = {},
): Promise<FleetAct> {
  const begun = await ports.fleetActs.read(actId);
  if (begun === undefined) {
    const estimate = await estimateFleetAct(request, ports);
    if (expectedDevices !== undefined && estimate.devices !== expectedDevices) {
      const message = `The act would change ${estimate.devices} devices by now, not the ${expectedDevices} that were confirmed. Nothing was begun. Count them again with dryRun, and confirm that number.`;
      throw new FleetError('method-conflict', message, {
        column: 'expectedDevices',
        expected: String(estimate.devices),
      });
    }
    const unknown = await unknownIds(request.filter, ports);
    const counts = { done: 0, underway: 0, refused: unknown.length, unchanged: 0 };
    const refusals = unknown.slice(-maxRefusals).map((deviceId) => {
      return { deviceId, code: 'not-found' as const, message: `There is no device "${deviceId}".` };
    });
    const at = ports.now();
    const nextAt = new Date(at.getTime() + delaySeconds * 1000).toISOString();
    const times = { startedAt: at.toISOString(), nextAt };
    await ports.fleetActs.create({ actId, ...request, status: 'running', estimate, counts, refusals, ...times });
  }
  await ports.blockQueue.send([{ actId }], { delaySeconds });
  return (await readFleetAct(actId, ports)).value;
}

/** Sends the message of acts again that have lost it. @returns how many */
export async function resumeFleetActs({ fleetActs, blockQueue, now }: Pick<Ports, 'fleetActs' | 'blockQueue' | 'now'>) {
  const ids = await fleetActs.overdue(new Date(now().getTime() - lostAfterSeconds * 1000).toISOString());
  if (ids.length > 0) await blockQueue.send(ids.map((actId) => ({ actId })));
  return ids.length;
}

/** @throws FleetError `not-found` */
export async function readFleetAct(
  actId: string,
  { fleetActs }: Pick<Ports, 'fleetActs'>,
): Promise<Versioned<FleetAct>> {
  const found = await fleetActs.read(actId);
  if (found === undefined) throw new FleetError('not-found', `There is no act "${actId}".`);
  return found;
}

/**
 * Ends an act before its end. Devices that it has blocked stay blocked: restore them.
 * @throws FleetError `not-found`, `method-conflict` when it is completed, `concurrent-change`
 */
export async function cancelFleetAct(actId: string, by: string, ports: FleetActPorts): Promise<FleetAct> {
  for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
    const { value, etag } = await readFleetAct(actId, ports);
    if (value.status === 'cancelled') return value;
    if (value.status === 'completed') throw new FleetError('method-conflict', `Act ${actId} is completed.`);
    const at = ports.now().toISOString();
    const cancelled: FleetAct = { ...value, status: 'cancelled', cancelledBy: { by, at }, finishedAt: at };
    if ((await ports.fleetActs.replace({ value: cancelled, etag })) !== undefined) return cancelled;
  }
  throw new FleetError('concurrent-change', `Act ${actId} changes faster than it can be written.`);
}

/**
 * Works on the devices of an act that are next, then sends the message for the others. Its progress is written after each step
 * of some devices. What a crash cuts is done again: an act on one device can be repeated, and one that is done already is
 * counted by its record. Of two deliveries, the one that writes its progress second ends, and so does one whose act was
 * cancelled.
 * @throws FleetError `not-found`, `concurrent-change`, `throttled`, `unavailable`
 */
export async function continueFleetAct(actId: string, ports: FleetActPorts): Promise<void> {
  const found = await readFleetAct(actId, ports);
  if (found.value.status !== 'running') return;
  const startedAt = ports.now().getTime();
  const early = Date.parse(found.value.nextAt) - startedAt;
  if (early > earlyMs) return sendNext(actId, early, ports);

  const { devicesPerMinute = Number.POSITIVE_INFINITY } = found.value;
  const elapsed = () => ports.now().getTime() - startedAt;
  let act = found;
  let worked = 0;
  const room = () => Math.min(enrollmentsPerCall, devicesPerMinute - worked);
  for await (const step of stepsOf(found.value, room, ports)) {
    const pause = worked >= devicesPerMinute ? Math.max(0, minuteMs - elapsed()) : 0;
    if (pause > 0 || elapsed() > longestRunMs) {
      const nextAt = new Date(ports.now().getTime() + pause).toISOString();
      if ((await written(act, { nextAt }, ports)) === undefined) return;
      return sendNext(actId, pause, ports);
    }
    const next = await work(act, step, ports);
    if (next === undefined) return;
    act = next;
    worked += step.filter((record) => isOpen(record, act.value.kind)).length;
  }
  await written(act, { status: 'completed', finishedAt: ports.now().toISOString() }, ports);
}

function sendNext(actId: string, delayMs: number, { blockQueue }: FleetActPorts): Promise<void> {
  return blockQueue.send([{ actId }], { delaySeconds: Math.ceil(delayMs / 1000) });
}

/**
 * A write that is refused is read again: this delivery may be the only one, and an act whose delivery ends in silence waits
 * until its message is taken for lost.
 * @returns undefined when another delivery, or an operator who cancelled it, was first
 * @throws FleetError `concurrent-change` when the store refused the write of an act that has not changed: the message comes again
 */
async function written(
  { value: before, etag }: Versioned<FleetAct>,
  change: Partial<FleetAct>,
  ports: FleetActPorts,
): Promise<Versioned<FleetAct> | undefined> {
  const value = { ...before, ...change };
  const next = await ports.fleetActs.replace({ value, etag });
  if (next !== undefined) return { value, etag: next };
  const stored = await readFleetAct(value.actId, ports);
  // The answer to this write was lost, and the client has repeated it.
  if (isDeepStrictEqual(stored.value, value)) return stored;
  if (stored.etag === etag) throw new FleetError('concurrent-change', `Act ${value.actId} could not be written.`);
  return undefined;
}

/**
 * Devices in their order: in each step some for which there is something to do, and those between them.
 * @param room how many there can be in the next step; 0 when the pace is reached
 */
async function* stepsOf(
  { kind, filter, after }: FleetAct,
  room: () => number,
  ports: FleetActPorts,
): AsyncGenerator<readonly DeviceRecord[]> {
  let step: DeviceRecord[] = [];
  let open = 0;
  for await (const record of devicesOf(filter, after, ports)) {
    step.push(record);
    if (isOpen(record, kind)) open += 1;
    if (open < Math.max(1, room()) && step.length < pageSize) continue;
    yield step;
    step = [];
    open = 0;
  }
  if (step.length > 0) yield step;
}

/**
 * Acts on the devices of a step and writes how they ended.
 * @returns undefined when the act was changed meanwhile
 * @throws FleetError that can pass: the message comes again, and goes on before the device that has it
 */
async function work(
  act: Versioned<FleetAct>,
  step: readonly DeviceRecord[],
  ports: FleetActPorts,
): Promise<Versioned<FleetAct> | undefined> {
  const { kind, actId, by, reason } = act.value;
  const ids = step.filter((record) => isOpen(record, kind)).map(({ id }) => id);
  const results = await auditedEach(
    ports.audit,
    ids.map((id) => fleetActOn(id, act.value)),
    () => acts[kind](ids, { by, reason, fleetAct: actId }, ports),
    { withoutIntent: kind !== 'restore' },
  );
  const byId = new Map(ids.map((id, index) => [id, results[index]]));

  const counts = { ...act.value.counts };
  const refusals = [...act.value.refusals];
  let { after } = act.value;
  let passing: FleetError | undefined;
  for (const record of step) {
    const result = byId.get(record.id);
    if (result instanceof FleetError) {
      if (result.retry) {
        passing = result;
        break;
      }
      counts.refused += 1;
      refusals.push({ deviceId: record.id, code: result.code, message: result.message });
    } else {
      counts[outcomeOf(result ?? record, result !== undefined || isOf(record, actId))] += 1;
    }
    after = record.id;
  }
  const nextAt = ports.now().toISOString();
  const next = await written(act, { counts, refusals: refusals.slice(-maxRefusals), after, nextAt }, ports);
  if (passing !== undefined) throw passing;
  return next;
}

function outcomeOf({ status }: DeviceRecord, isActedOn: boolean): keyof FleetActCounts {
  if (!isActedOn) return 'unchanged';
  return status === 'closing' || status === 'opening' ? 'underway' : 'done';
}

/** Whether an earlier delivery of the act did this device, and was cut before it counted it. */
function isOf({ block }: DeviceRecord, actId: string): boolean {
  return (block?.undo ?? block)?.fleetAct === actId;
}

type Results = Promise<readonly (DeviceRecord | FleetError)[]>;

const acts = {
  suspend: (ids: readonly string[], asked: Reason, ports: FleetActPorts) =>
    blockDevices(ids, 'suspended', asked, ports),
  revoke: (ids: readonly string[], asked: Reason, ports: FleetActPorts) => blockDevices(ids, 'revoked', asked, ports),
  restore: restoreDevices,
  scrap: (ids: readonly string[], asked: Reason, ports: FleetActPorts) =>
    Promise.all(ids.map((id) => orFleetError(() => scrapDevice(id, asked, ports)))),
} satisfies Record<FleetActKind, (ids: readonly string[], asked: Reason, ports: FleetActPorts) => Results>;

/** Whether the act has something to do to the device. */
function isOpen(record: DeviceRecord, kind: FleetActKind): boolean {
  const { status, block } = record;
  if (status === 'deleted') return false;
  if (status === 'deleting') return kind === 'scrap';
  if (kind === 'restore') return status === 'opening' || (block?.kind === 'suspended' && isBlocked(record));
  if (kind === 'suspend') return !isBlocked(record) || (status === 'closing' && block?.kind === 'suspended');
  const ended = kind === 'revoke' ? ['revoked', 'scrapped'] : ['scrapped'];
  return !ended.includes(status);
}

/** Ids of the list that no device has. */
async function unknownIds({ deviceIds = [] }: FleetActFilter, { devices }: Pick<Ports, 'devices'>): Promise<string[]> {
  const unknown: string[] = [];
  for (let from = 0; from < deviceIds.length; from += pageSize) {
    const ids = deviceIds.slice(from, from + pageSize);
    const found = await devices.read(ids);
    unknown.push(...ids.filter((id) => !found.has(id)));
  }
  return unknown;
}

/** The devices of an act, by id, ascending, from the one after `after` on. */
async function* devicesOf(
  filter: FleetActFilter,
  after: string | undefined,
  { devices }: Pick<Ports, 'devices'>,
): AsyncGenerator<DeviceRecord> {
  const { enrollmentGroup, jobId, deviceIds } = filter;
  const matching = (records: readonly DeviceRecord[]) => records.filter((record) => isMatch(record, filter));
  if (deviceIds !== undefined) {
    const ids = deviceIds.filter((id) => after === undefined || id > after);
    for (let from = 0; from < ids.length; from += pageSize) {
      const found = await devices.read(ids.slice(from, from + pageSize));
      const records = [...found.values()].map(({ value }) => value);
      yield* matching(records).sort((a, b) => (a.id < b.id ? -1 : 1));
    }
    return;
  }
  let continuation = after;
  do {
    const page: Page<DeviceRecord> = await devices.list({ enrollmentGroup, jobId }, { size: pageSize, continuation });
    yield* matching(page.items);
    continuation = page.continuation;
  } while (continuation !== undefined);
}

function isMatch(record: DeviceRecord, { enrollmentGroup, jobId, tag, suspendedBy }: FleetActFilter): boolean {
  if (enrollmentGroup !== undefined && record.enrollmentGroup !== enrollmentGroup) return false;
  if (jobId !== undefined && record.claim.jobId !== jobId) return false;
  if (suspendedBy !== undefined && record.block?.fleetAct !== suspendedBy) return false;
  if (tag === undefined) return true;
  const value = tag.path.split('.').reduce<unknown>((at, name) => memberOf(at, name), inUse(record).twin?.tags);
  return value !== undefined && typeof value !== 'object' && String(value) === tag.value;
}

function memberOf(value: unknown, name: string): unknown {
  const isMember = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  return isMember ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
