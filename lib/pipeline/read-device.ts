import type { DeviceRecord, DeviceStore } from '../devices/device.ts';
import { mergeTwins, type Twin } from '../devices/twin.ts';
import { FleetError } from '../errors.ts';
import { type GroupRecord, inForce } from '../groups/group.ts';
import type { Versioned } from '../storage.ts';
import type { Ports } from './ports.ts';

/** @throws FleetError `not-found` */
export async function readDevice(id: string, devices: Pick<DeviceStore, 'read'>): Promise<Versioned<DeviceRecord>> {
  const record = (await devices.read([id])).get(id);
  if (record === undefined) throw new FleetError('not-found', `There is no device "${id}".`);
  return record;
}

/**
 * A device and the twin that it starts with: the initial twin of its group, with the device's own values over it.
 * @throws FleetError `not-found`
 */
export async function describeDevice(
  id: string,
  { devices, groups }: Pick<Ports, 'devices' | 'groups'>,
): Promise<{ readonly record: DeviceRecord; readonly group: GroupRecord | undefined; readonly initialTwin: Twin }> {
  const { value: record } = await readDevice(id, devices);
  const group = (await groups.directory()).get(record.enrollmentGroup)?.value;
  const own = record.twin ?? { tags: {}, desired: {} };
  return {
    record,
    group,
    initialTwin: group === undefined ? own : mergeTwins(inForce(group).definition.initialTwin, own),
  };
}
