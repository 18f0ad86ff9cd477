import { audited, type Note } from '../audit/audit.ts';
import { type DeviceRecord, enrolledCertificates } from '../devices/device.ts';
import type { FoundEntry } from '../enrollment/enrollments.ts';
import type { GroupRecord } from '../groups/group.ts';
import { retrying } from '../retry.ts';
import { workAct } from './audit-acts.ts';
import { changeDevice } from './change-device.ts';
import type { Ports } from './ports.ts';

export type ReachPorts = Pick<Ports, 'devices' | 'groups' | 'enrollments' | 'audit' | 'rateLimiter' | 'retry' | 'now'>;

/** Enrollments that one run writes. With 3 operations each, some minutes at a small quota; the next run goes on. */
const writesPerRun = 500;

/**
 * Gives every individual enrollment of a group the `provisioningStatus` that the group declares. Records note which have it, so
 * a run that was cut short is continued by the next one. Enrollments that are not ours, and blocks of devices, are left.
 * @throws FleetError `throttled`, `unavailable`, `concurrent-change`
 */
export async function reachEnrollments(group: GroupRecord, ports: ReachPorts): Promise<void> {
  const { enrollment, provisioningStatus } = group.definition;
  if (enrollment !== 'individual' || group.deleting !== undefined) return;
  if ((group.reached ?? 'enabled') === provisioningStatus) return;
  const act = workAct('reach-enrollments', { enrollmentGroup: group.id }, { provisioningStatus });
  const withoutIntent = provisioningStatus === 'disabled';
  await audited(ports.audit, act, (note) => reachAll(group, note, ports), { withoutIntent });
}

async function reachAll(group: GroupRecord, note: Note, ports: ReachPorts): Promise<void> {
  const { provisioningStatus } = group.definition;
  let writes = 0;
  let continuation: string | undefined;
  do {
    const page = await ports.devices.list({ enrollmentGroup: group.id }, { size: 100, continuation });
    for (const record of page.items) {
      if (!isWorking(record) || record.enrolled?.provisioningStatus === provisioningStatus) continue;
      if (writes === writesPerRun) return;
      writes += 1;
      note({ enrollments: writes });
      await reach(record, provisioningStatus, ports);
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
  await ports.groups.noteReached(group.id, provisioningStatus);
}

async function reach(record: DeviceRecord, status: 'enabled' | 'disabled', ports: ReachPorts): Promise<void> {
  const { devices, enrollments, rateLimiter, retry, now } = ports;
  const { id } = record;
  const own = enrolledCertificates(record);
  const isOwn = ({ thumbprints: [held] }: FoundEntry) => held !== undefined && own.includes(held);
  const mayWrite = async () => {
    const latest = (await devices.read([id])).get(id)?.value;
    return latest !== undefined && isWorking(latest);
  };
  await rateLimiter.acquire(3);
  const found = await retrying(() => enrollments.open(id, status, { isOwn, mayWrite }), retry);
  const [held] = found?.thumbprints ?? [];
  if (found === undefined || held === undefined || !isOwn(found)) return;
  const provisioningStatus = found.disabled === true ? 'disabled' : 'enabled';
  await changeDevice(id, ports, (latest) => {
    if (!isWorking(latest)) return latest;
    return { ...latest, enrolled: { seenAt: now().toISOString(), sha256Thumbprint: held, provisioningStatus } };
  });
}

function isWorking({ status }: DeviceRecord): boolean {
  return status === 'provisioned' || status === 'assigned';
}
