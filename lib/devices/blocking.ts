import { FleetError } from '../errors.ts';
import { owe } from '../outbox.ts';
import type { BlockAct, BlockKind, DeviceBlock, DoorsSeen } from './block.ts';
import { certificatesOf, revokeAll } from './certificates.ts';
import { type DeviceRecord, withEvent } from './device.ts';
import { deviceClosed, deviceRestored } from './device-events.ts';
import { failedRecord } from './reissue.ts';

/** Seconds after which the doors are looked at again. DPS assigns a device within some. */
export const secondLookSeconds = 60;

/** Marks that a block keeps. A device that is suspended and restored again and again within a minute adds some. */
const maxMarks = 20;

interface BlockRequest extends BlockAct {
  readonly kind: BlockKind;
}

/** Whether the access of the device has ended, or is about to end. */
export function isBlocked({ status }: Pick<DeviceRecord, 'status'>): boolean {
  return status === 'closing' || status === 'suspended' || status === 'revoked' || status === 'scrapped';
}

/**
 * Whether another row can claim the id of a scrapped device: none of its certificates can be used any more. Until then a new
 * enrollment of the id would let them in.
 * @param at ISO 8601, UTC, as `DeviceIdentity.notAfter`
 */
export function isReusable(record: DeviceRecord, at: string): boolean {
  return record.status === 'scrapped' && certificatesOf(record).every(({ notAfter }) => notAfter < at);
}

/** Whether nobody can undo the block of the device. */
function isFinal({ block }: Pick<DeviceRecord, 'block'>): boolean {
  return block !== undefined && block.undo === undefined && block.kind !== 'suspended';
}

/**
 * Why nothing is issued to a device, delivered to it or handed out for it. A device whose doors are opened again is still
 * closed for that.
 * @returns undefined for a device that is not blocked
 */
export function blockError({ id, status, block }: DeviceRecord): FleetError | undefined {
  if (status === 'opening') {
    return new FleetError('device-suspended', `Device "${id}" is being restored. Repeat the request in a minute.`);
  }
  if (block === undefined || !isBlocked({ status })) return undefined;
  const since = `Device "${id}" was ${block.kind} at ${block.at} by ${block.by}: ${block.reason}`;
  return new FleetError(block.kind === 'suspended' ? 'device-suspended' : 'device-revoked', since);
}

const ranks: Readonly<Record<BlockKind, number>> = { suspended: 0, revoked: 1, scrapped: 2 };

/**
 * The record from which on nothing is issued, renewed or handed out for the device. The other doors are closed by what comes
 * after (lib/pipeline/doors.ts).
 * @returns the record itself when it is blocked as far already
 * @throws FleetError `device-revoked` for a device that is to be suspended and is revoked; `method-conflict` when it is deleted
 */
export function blocked(claimed: DeviceRecord, request: BlockRequest): DeviceRecord {
  const record = withoutReissue(claimed, request);
  const { id, status, block } = record;
  const { kind, by, at, reason, mark, fleetAct } = request;
  if (status === 'deleting' || status === 'deleted') {
    throw new FleetError('method-conflict', `Device "${id}" is ${status}. Its certificates are revoked already.`);
  }
  if (block !== undefined && isBlocked(record)) {
    if (block.kind === kind || (kind === 'revoked' && block.kind === 'scrapped')) return record;
    if (ranks[block.kind] > ranks[kind]) throw finallyBlocked(record);
  }
  const { deletion } = record;
  const deletedBy = deletion?.block === undefined ? [] : [deletion.block];
  const marks = [...new Set([...(block?.marks ?? []), ...deletedBy, mark])].slice(-maxMarks);
  const doors = { record: at, bundle: at, renewal: at };
  const isHeld = isBlocked(record) || status === 'opening';
  // A row that is in work loses the device, which keeps what it had before.
  const device = status === 'claimed' ? failedRecord(record, rowFailure(record, kind), at) : record;
  const from = block !== undefined && isHeld ? block.from : statusAfterRestore(device);
  const act = { kind, by, at, reason, mark, ...(fleetAct !== undefined && { fleetAct }) };
  const next: DeviceBlock = { ...act, from, marks, doors, lookAgainAt: later(at) };
  const event = { at, event: closingEvents[kind], detail: `by ${by}: ${reason}` };
  const certificates = certificatesOf(device);
  return {
    ...device,
    // Of a record of an earlier version they follow from its status, and that changes.
    ...(certificates.length > 0 && { certificates }),
    // This act's mark takes the place of the deletion's in DPS. The row that provisions the id next removes it.
    ...(deletion !== undefined && { deletion: { ...deletion, block: mark } }),
    status: 'closing',
    statusSince: at,
    block: next,
    history: withEvent(device.history, event),
  };
}

/** A device that a row was to issue again keeps what it had: that is what is closed, and what a restore gives back. */
function withoutReissue(record: DeviceRecord, { kind, by, at }: BlockRequest): DeviceRecord {
  if (record.before === undefined) return record;
  const code = kind === 'suspended' ? 'device-suspended' : 'device-revoked';
  return failedRecord(record, { code, message: `The device was ${kind} by ${by} while this row was in work.` }, at);
}

const closingEvents = { suspended: 'suspending', revoked: 'revoking', scrapped: 'scrapping' } as const;

function statusAfterRestore({ status }: DeviceRecord): DeviceBlock['from'] {
  return status === 'provisioned' || status === 'assigned' ? status : 'failed';
}

/** A retry of the job takes up a row whose device was suspended. */
function rowFailure({ claim: { jobId } }: DeviceRecord, kind: BlockKind) {
  const code = kind === 'suspended' ? 'device-suspended' : 'device-revoked';
  return { code, message: `The device was ${kind} while job ${jobId} provisioned it.` } as const;
}

/**
 * The record from which on the doors of a suspended device are opened.
 * @returns the record itself when its doors are open, or are being opened
 * @throws FleetError `device-revoked` when the device is revoked or scrapped, `method-conflict` when it was never suspended
 */
export function restoring(record: DeviceRecord, undo: BlockAct): DeviceRecord {
  const { id, status, block, history } = record;
  if (isFinal(record)) throw finallyBlocked(record);
  if (block === undefined) {
    throw new FleetError('method-conflict', `Device "${id}" is ${status}. Only a suspended device can be restored.`);
  }
  if (block.undo !== undefined) return record;
  const { by, at, reason } = undo;
  const event = { at, event: 'restoring' as const, detail: `by ${by}: ${reason}` };
  const { notYet: _notYet, ...rest } = block;
  const next: DeviceBlock = { ...rest, undo, lookAgainAt: later(at) };
  return { ...record, status: 'opening', statusSince: at, block: next, history: withEvent(history, event) };
}

function finallyBlocked({ id, block }: DeviceRecord): FleetError {
  const what = `Device "${id}" was ${block?.kind} at ${block?.at} by ${block?.by}.`;
  return new FleetError('device-revoked', `${what} That cannot be undone.`);
}

/** When the doors are looked at again, if they are found as they should be at `at`. ISO 8601, UTC. */
export function later(at: string, seconds = secondLookSeconds): string {
  return new Date(Date.parse(at) + seconds * 1000).toISOString();
}

/** @param seen which of the doors outside are closed, and why the others are not */
export function withDoors(block: DeviceBlock, seen: DoorsSeen, at: string): DeviceBlock {
  const { notYet: _notYet, doors, ...rest } = block;
  const { enrollment: _enrollment, hub: _hub, ...inside } = doors;
  const { enrollment, hub } = seen;
  return {
    ...rest,
    doors: { ...inside, ...(enrollment.closed && { enrollment: at }), ...(hub.closed && { hub: at }) },
    ...(!areClosed(seen) && {
      notYet: { ...(!enrollment.closed && { enrollment: enrollment.why }), ...(!hub.closed && { hub: hub.why }) },
    }),
  };
}

export function areClosed({ enrollment, hub }: DoorsSeen): boolean {
  return enrollment.closed && hub.closed;
}

/** The record once every door was read back as closed. An event that was sent has one content, so the first time announces it. */
export function closed(record: DeviceRecord, block: DeviceBlock, at: string): DeviceRecord {
  const event = { at, event: block.kind, detail: `by ${block.by}: ${block.reason}` };
  const history = withEvent(record.history, event);
  const owing = block.closedAt === undefined ? owe(record, deviceClosed(record, block, at)) : record;
  const next = {
    ...owing,
    ...{ status: block.kind, statusSince: at, history },
    block: { ...block, closedAt: block.closedAt ?? at, lookAgainAt: later(at) },
  };
  return block.kind === 'suspended' ? next : { ...next, certificates: revokeAll(certificatesOf(record), at) };
}

/**
 * The record once the doors outside are open again, which opens the others.
 * @param left why a door outside stays closed: someone else closed it
 */
export function restored(record: DeviceRecord, block: DeviceBlock, left: string | undefined, at: string): DeviceRecord {
  const { undo, from } = block;
  const detail = `by ${undo?.by}: ${undo?.reason}${left === undefined ? '' : `. ${left}`}`;
  const history = withEvent(record.history, { at, event: 'restored', detail });
  const change = { status: from, statusSince: at, block: { ...block, doors: {}, lookAgainAt: later(at) }, history };
  return owe({ ...record, ...change }, deviceRestored(record, block, at));
}

/** The record once the doors were found as they should be a second time. */
export function confirmed(record: DeviceRecord): DeviceRecord {
  const { block, ...rest } = record;
  if (block === undefined || block.undo !== undefined) return rest;
  const { lookAgainAt: _lookAgainAt, ...kept } = block;
  return { ...rest, block: kept };
}
