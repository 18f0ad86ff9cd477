import { audited } from '../audit/audit.ts';
import { isBlocked } from '../devices/blocking.ts';
import type { DeviceRecord } from '../devices/device.ts';
import { FleetError } from '../errors.ts';
import type { FleetAct, FleetActCounts, FleetActFilter, FleetActKind } from '../jobs/fleet-act.ts';
import type { Page, Versioned } from '../storage.ts';
import { fleetActOn } from './audit-acts.ts';
import { type BlockPorts, blockDevice, restoreDevice } from './block-device.ts';
import type { DeleteDevicePorts } from './delete-device.ts';
import type { Ports } from './ports.ts';
import { scrapDevice } from './scrap-device.ts';

export type FleetActPorts = BlockPorts & DeleteDevicePorts & Pick<Ports, 'fleetActs' | 'registryOperationsPerMinute'>;

export interface FleetActRequest {
  readonly kind: FleetActKind;
  readonly filter: FleetActFilter;
  readonly by: string;
  readonly reason: string;
  readonly devicesPerMinute?: number | undefined;
}

/** What an act would take. */
export interface FleetActEstimate {
  /** Devices that match the filter and are not as the act would have them. */
  readonly devices: number;
  /** About, if nothing else uses the quotas. */
  readonly minutes: number;
  /** What the minutes follow from. */
  readonly limit: 'hub registry' | 'devicesPerMinute';
}

/** Devices per page of the list. */
const pageSize = 100;

/** A message is worked on for some minutes at most, and the next one goes on. functionTimeout is 30 minutes. */
const longestRunMs = 2 * 60 * 1000;

/** Refusals that an act keeps. */
const maxRefusals = 20;

/** Operations on the registry of a hub per device: a read, a write and a read. */
const registryOperationsPerDevice = 3;

/** Attempts to write an act while it is cancelled. */
const maxWriteAttempts = 10;

/** Counts the devices of an act, and changes nothing. */
export async function estimateFleetAct(request: FleetActRequest, ports: FleetActPorts): Promise<FleetActEstimate> {
  let devices = 0;
  for await (const page of devicesOf(request, undefined, ports)) {
    devices += page.filter((record) => isOpen(record, request.kind)).length;
  }
  const hub = ports.registryOperationsPerMinute / registryOperationsPerDevice;
  const { devicesPerMinute = Number.POSITIVE_INFINITY } = request;
  const minutes = Math.ceil(devices / Math.min(hub, devicesPerMinute));
  return { devices, minutes, limit: devicesPerMinute < hub ? 'devicesPerMinute' : 'hub registry' };
}

/**
 * Begins an act on many devices. The queue works on them in the order of their ids, one message at a time, so that all acts
 * together stay within the quotas that their operators set.
 * @param actId of a request that is repeated: the act that it began is returned
 */
export async function beginFleetAct(actId: string, request: FleetActRequest, ports: FleetActPorts): Promise<FleetAct> {
  const counts = { done: 0, underway: 0, refused: 0 };
  const startedAt = ports.now().toISOString();
  const act: FleetAct = { actId, ...request, status: 'running', counts, refusals: [], startedAt };
  await ports.fleetActs.create(act);
  await ports.blockQueue.send([{ actId }]);
  return (await readFleetAct(actId, ports)).value;
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
    if (await ports.fleetActs.replace({ value: cancelled, etag })) return cancelled;
  }
  throw new FleetError('concurrent-change', `Act ${actId} changes faster than it can be written.`);
}

/**
 * Works on the devices of an act that are next, then sends the message for the others. What a crash cuts is done again: an
 * act on one device can be repeated. Of two deliveries, the one that writes its progress second ends.
 * @throws FleetError `concurrent-change`, `throttled`, `unavailable`
 */
export async function continueFleetAct(actId: string, ports: FleetActPorts): Promise<void> {
  const { value: act, etag } = await readFleetAct(actId, ports);
  if (act.status !== 'running') return;
  const startedAt = ports.now().getTime();
  const most = act.devicesPerMinute ?? Number.POSITIVE_INFINITY;
  const counts = { ...act.counts };
  const refusals = [...act.refusals];
  let { after } = act;
  let worked = 0;
  let isDone = true;
  pages: for await (const page of devicesOf(act, after, ports)) {
    for (const record of page) {
      if (worked >= most || ports.now().getTime() - startedAt > longestRunMs) {
        isDone = false;
        break pages;
      }
      if (isOpen(record, act.kind)) {
        worked += 1;
        const ended = await actOn(record, act, ports);
        counts[ended.outcome] += 1;
        if (ended.refusal !== undefined) refusals.push({ deviceId: record.id, ...ended.refusal });
      }
      after = record.id;
    }
  }
  const at = ports.now().toISOString();
  const progress = { ...act, counts, after, refusals: refusals.slice(-maxRefusals) };
  const value: FleetAct = isDone ? { ...progress, status: 'completed', finishedAt: at } : progress;
  // Another delivery, or an operator who cancelled it, was first.
  if (!(await ports.fleetActs.replace({ value, etag }))) return;
  if (isDone) return;
  const delaySeconds = act.devicesPerMinute === undefined ? 0 : 60;
  await ports.blockQueue.send([{ actId }], { delaySeconds });
}

interface Ended {
  readonly outcome: keyof FleetActCounts;
  readonly refusal?: Omit<FleetAct['refusals'][number], 'deviceId'>;
}

/** An error that passes is thrown: the message comes again, and goes on after the devices that are done. */
async function actOn({ id }: DeviceRecord, fleetAct: FleetAct, ports: FleetActPorts): Promise<Ended> {
  const { actId, kind, by, reason } = fleetAct;
  const asked = { by, reason, fleetAct: actId };
  try {
    const act = () => acts[kind](id, asked, ports);
    const withoutIntent = kind !== 'restore';
    const record = await audited(ports.audit, fleetActOn(id, fleetAct), act, { withoutIntent });
    return { outcome: record.status === 'closing' || record.status === 'opening' ? 'underway' : 'done' };
  } catch (error) {
    if (!(error instanceof FleetError) || error.retry) throw error;
    return { outcome: 'refused', refusal: { code: error.code, message: error.message } };
  }
}

type Asked = Parameters<typeof restoreDevice>[1];

const acts = {
  suspend: (id: string, asked: Asked, ports: FleetActPorts) => blockDevice(id, 'suspended', asked, ports),
  revoke: (id: string, asked: Asked, ports: FleetActPorts) => blockDevice(id, 'revoked', asked, ports),
  restore: (id: string, asked: Asked, ports: FleetActPorts) => restoreDevice(id, asked, ports),
  scrap: (id: string, asked: Asked, ports: FleetActPorts) => scrapDevice(id, asked, ports),
} satisfies Record<FleetActKind, unknown>;

/** Whether the act has something to do to the device. */
function isOpen(record: DeviceRecord, kind: FleetActKind): boolean {
  const { status, block } = record;
  if (status === 'deleting' || status === 'deleted') return false;
  if (kind === 'restore') return status === 'opening' || (block?.kind === 'suspended' && isBlocked(record));
  if (kind === 'suspend') return !isBlocked(record) || (status === 'closing' && block?.kind === 'suspended');
  const ended = kind === 'revoke' ? ['revoked', 'scrapped'] : ['scrapped'];
  return !ended.includes(status);
}

/** The devices of an act, by id, ascending, from the one after `after` on. */
async function* devicesOf(
  { filter }: Pick<FleetAct, 'filter'>,
  after: string | undefined,
  { devices }: Pick<Ports, 'devices'>,
): AsyncIterable<readonly DeviceRecord[]> {
  const { enrollmentGroup, jobId, deviceIds } = filter;
  const matches = (record: DeviceRecord) => isMatch(record, filter);
  if (deviceIds !== undefined) {
    const ids = deviceIds.filter((id) => after === undefined || id > after);
    for (let from = 0; from < ids.length; from += pageSize) {
      const found = await devices.read(ids.slice(from, from + pageSize));
      const records = [...found.values()].map(({ value }) => value).filter(matches);
      yield records.sort((a, b) => (a.id < b.id ? -1 : 1));
    }
    return;
  }
  let continuation = after;
  do {
    const page: Page<DeviceRecord> = await devices.list({ enrollmentGroup, jobId }, { size: pageSize, continuation });
    yield page.items.filter(matches);
    continuation = page.continuation;
  } while (continuation !== undefined);
}

function isMatch(record: DeviceRecord, { enrollmentGroup, jobId, tag, suspendedBy }: FleetActFilter): boolean {
  if (enrollmentGroup !== undefined && record.enrollmentGroup !== enrollmentGroup) return false;
  if (jobId !== undefined && record.claim.jobId !== jobId) return false;
  if (suspendedBy !== undefined && record.block?.fleetAct !== suspendedBy) return false;
  if (tag === undefined) return true;
  const value = tag.path.split('.').reduce<unknown>((at, name) => memberOf(at, name), record.twin?.tags);
  return value !== undefined && typeof value !== 'object' && String(value) === tag.value;
}

function memberOf(value: unknown, name: string): unknown {
  const isMember = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  return isMember ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
