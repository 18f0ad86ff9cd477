import { eventId, type OwedEvent } from '../outbox.ts';
import type { DeviceBlock } from './block.ts';
import type { DeviceRecord, Registration } from './device.ts';

/** Every door of the device was read back as closed. The same operation closes them once, however often it looks. */
export function deviceClosed(
  record: DeviceRecord,
  { kind, by, at: askedAt, reason, mark }: DeviceBlock,
  at: string,
): OwedEvent {
  const type = `fleet.device.${kind}` as const;
  const data = { ...dataOf(record), by, reason, askedAt, closedAt: at };
  return { id: eventId(type, record.id, mark), type, subject: subjectOf(record), time: at, data };
}

/** The doors of a suspended device are open again. */
export function deviceRestored(record: DeviceRecord, { undo, mark }: DeviceBlock, at: string): OwedEvent {
  const type = 'fleet.device.restored';
  const data = { ...dataOf(record), by: undo?.by, reason: undo?.reason, askedAt: undo?.at };
  return { id: eventId(type, record.id, undo?.mark ?? mark), type, subject: subjectOf(record), time: at, data };
}

/** DPS assigned the device to a hub: for the first time, or to another hub. */
export function deviceAssigned(
  record: DeviceRecord,
  { assignedHub, at: registeredAt }: Registration,
  at: string,
): OwedEvent {
  const type = 'fleet.device.assigned';
  const data = { ...dataOf(record), jobId: record.claim.jobId, hub: assignedHub, registeredAt };
  const id = eventId(type, record.id, record.serialNumber, assignedHub, registeredAt);
  return { id, type, subject: subjectOf(record), time: at, data };
}

function dataOf({ id, enrollmentGroup, serialNumber }: DeviceRecord) {
  return { deviceId: id, enrollmentGroup, serialNumber, links: { device: `/api/devices/${id}` } };
}

function subjectOf({ id }: DeviceRecord): string {
  return `devices/${id}`;
}
