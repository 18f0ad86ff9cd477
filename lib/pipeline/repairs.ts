import type { DeviceRecord } from '../devices/device.ts';
import type { Subject } from '../findings/finding.ts';
import type { FindingKind } from '../findings/kinds.ts';
import { retrying } from '../retry.ts';
import type { Ports } from './ports.ts';

export type RepairPorts = Pick<Ports, 'devices' | 'groups' | 'enrollments' | 'twins' | 'rateLimiter' | 'retry'>;

/** Makes Azure what the records say about one subject. It can be repeated, and does nothing when the records changed. */
type Repair = (subject: Subject, ports: RepairPorts) => Promise<void>;

/** The kinds that this app can repair. For every other kind a person has to act. */
export const repairs: Readonly<Partial<Record<FindingKind, Repair>>> = {
  'group-missing': writeGroup,
  'group-changed': writeGroup,
  'group-other-ca': writeGroup,
  'tags-differ': mergeTags,
};

/** At most a read, a write, and a read and a write again. */
async function writeGroup({ id }: Subject, { groups, rateLimiter }: RepairPorts): Promise<void> {
  await rateLimiter.acquire(4);
  await groups.writeAgain(id);
}

async function mergeTags({ id }: Subject, { devices, twins, retry }: RepairPorts): Promise<void> {
  const record = await recordOf(id, devices);
  const hub = record?.registration?.assignedHub;
  if (record?.status !== 'assigned' || hub === undefined || record.twin === undefined) return;
  const { tags } = record.twin;
  await retrying(() => twins.merge(hub, id, { tags, desired: {} }), retry);
}

async function recordOf(id: string, devices: RepairPorts['devices']): Promise<DeviceRecord | undefined> {
  return (await devices.read([id])).get(id)?.value;
}
