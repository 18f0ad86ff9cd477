import type { DeviceRecord } from '../devices/device.ts';
import { FleetError } from '../errors.ts';
import type { Versioned } from '../storage.ts';
import type { Ports } from './ports.ts';
import { readDevice } from './read-device.ts';

/** Attempts to write a record while others write it. */
const maxWriteAttempts = 10;

/**
 * Applies a change to a device record, and again to the newer version whenever another writer came first.
 * @param change returns the record itself to leave it
 * @throws FleetError `not-found`, `concurrent-change`, and what `change` throws
 */
export async function changeDevice(
  id: string,
  { devices }: Pick<Ports, 'devices'>,
  change: (record: DeviceRecord) => DeviceRecord,
): Promise<DeviceRecord> {
  for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
    const { value: record, etag }: Versioned<DeviceRecord> = await readDevice(id, devices);
    const value = change(record);
    if (value === record || (await devices.replace([{ value, etag }])).conflicts.length === 0) return value;
  }
  throw new FleetError(
    'concurrent-change',
    `Device "${id}" changes faster than it can be written. Repeat the request.`,
  );
}
