import { certificatesOf } from '../devices/certificates.ts';
import type { DeviceRecord } from '../devices/device.ts';
import { FleetError } from '../errors.ts';
import { retrying } from '../retry.ts';
import { type BlockPorts, blockDevice } from './block-device.ts';
import { type DeleteDevicePorts, deleteDevice } from './delete-device.ts';
import { readDevice } from './read-device.ts';

/**
 * Takes a device out of the fleet. One that never reached a hub is deleted (`deleteDevice`), and its id is free. Any other is
 * blocked for good, and what it left in the hub, in DPS and in its archive is removed. Its block in DPS stays: without it,
 * DPS would let the device in by its enrollment group.
 * @param by who scraps it; recorded on the device
 * @param reason needed for a device that reached a hub, and for one that is blocked
 * @throws FleetError `method-conflict` when the reason is missing, and as `deleteDevice` and `blockDevice`
 */
export async function scrapDevice(
  id: string,
  { by, reason }: { readonly by: string; readonly reason: string | undefined },
  ports: BlockPorts & DeleteDevicePorts,
): Promise<DeviceRecord> {
  const { value: record } = await readDevice(id, ports.devices);
  if (!(await isToBeBlocked(record, ports))) return deleteDevice(id, by, ports);
  if (reason === undefined) {
    // The request is valid for a device that never reached a hub, so this is about the state of the device.
    const message = `Device "${id}" has been at a hub. Expected a reason. Repeat the request with ?reason=...`;
    throw new FleetError('method-conflict', message, { column: 'reason', expected: 'a reason' });
  }
  return blockDevice(id, 'scrapped', { by, reason }, ports);
}

/** The record can be some minutes late (reconcile-registrations.ts), so DPS is asked. */
async function isToBeBlocked(record: DeviceRecord, { enrollments, retry }: DeleteDevicePorts): Promise<boolean> {
  const { id, status, block, registration, history } = record;
  if (status === 'deleting' || status === 'deleted') return false;
  if (block !== undefined || status === 'assigned' || registration?.assignedHub !== undefined) return true;
  const events = ['registration assigned', 'superseded assigned'];
  if (history.some(({ event }) => events.includes(event))) return true;
  if (certificatesOf(record).some(({ assignedHub }) => assignedHub !== undefined)) return true;
  // A job that provisions a device for the first time finishes before it is deleted.
  if (status === 'claimed') return false;
  const found = await retrying(() => enrollments.registrationsOf(id), retry);
  return found.some((each) => each.status === 'assigned' || each.status === 'assigning');
}
