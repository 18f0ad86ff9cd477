import { audited, type Note } from '../audit/audit.ts';
import { type DeviceRecord, type EnrollmentSeen, enrolledCertificates } from '../devices/device.ts';
import type { FoundEntry } from '../enrollment/enrollments.ts';
import { definitionInDps, type GroupRecord } from '../groups/group.ts';
import { retrying } from '../retry.ts';
import { workAct } from './audit-acts.ts';
import { changeDevice } from './change-device.ts';
import type { Ports } from './ports.ts';

export type ReachPorts = Pick<Ports, 'devices' | 'groups' | 'enrollments' | 'audit' | 'retry' | 'now'>;

/** Enrollments that one run writes. With 3 operations each, some minutes at a small quota; the next run goes on. */
const writesPerRun = 500;

/**
 * Gives every individual enrollment of a group the `provisioningStatus` that is in force. Records note which have it, so a run
 * that was cut short is continued by the next one. Enrollments that are not ours, and blocks of devices, are left. A device
 * that is being enrolled or restored can get the status from before: the next run looks at it.
 * @throws FleetError `throttled`, `unavailable`, `concurrent-change`
 */
export async function reachEnrollments(group: GroupRecord, ports: ReachPorts): Promise<void> {
  if (group.definition.enrollment !== 'individual' || group.deleting !== undefined) return;
  const { provisioningStatus } = definitionInDps(group);
  if ((group.reached ?? 'enabled') === provisioningStatus) return;
  const act = workAct('reach-enrollments', { enrollmentGroup: group.id }, { provisioningStatus });
  const withoutIntent = provisioningStatus === 'disabled';
  await audited(ports.audit, act, (note) => reachAll(group, note, ports), { withoutIntent });
}

async function reachAll(group: GroupRecord, note: Note, ports: ReachPorts): Promise<void> {
  const { provisioningStatus } = definitionInDps(group);
  let writes = 0;
  let hasAll = true;
  let continuation: string | undefined;
  do {
    const page = await ports.devices.list({ enrollmentGroup: group.id }, { size: 100, continuation });
    for (const record of page.items) {
      if (record.status === 'claimed' || record.status === 'opening') hasAll = false;
      if (!isToBeReached(record, provisioningStatus)) continue;
      if (writes === writesPerRun) return;
      writes += 1;
      note({ enrollments: writes });
      await reach(record, provisioningStatus, ports);
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
  if (hasAll) await ports.groups.noteReached(group.id, provisioningStatus);
}

function isToBeReached(record: DeviceRecord, status: 'enabled' | 'disabled'): boolean {
  const { provisioningStatus, missingSince } = record.enrolled ?? {};
  return isWorking(record) && missingSince === undefined && provisioningStatus !== status;
}

async function reach(record: DeviceRecord, status: 'enabled' | 'disabled', ports: ReachPorts): Promise<void> {
  const { devices, enrollments, retry, now } = ports;
  const { id } = record;
  const own = enrolledCertificates(record);
  const isOwn = ({ thumbprints: [held] }: FoundEntry) => held !== undefined && own.includes(held);
  const mayWrite = async () => {
    const latest = (await devices.read([id])).get(id)?.value;
    return latest !== undefined && isWorking(latest);
  };
  const found = await retrying(() => enrollments.open(id, status, { isOwn, mayWrite }), retry);
  const seenAt = now().toISOString();
  await changeDevice(id, ports, (latest) => {
    const { identity, enrolled } = latest;
    if (!isWorking(latest) || identity === undefined || identity.sha256Thumbprint !== record.identity?.sha256Thumbprint)
      return latest;
    return {
      ...latest,
      enrolled: { sha256Thumbprint: identity.sha256Thumbprint, ...enrolled, seenAt, ...seen(found, isOwn, seenAt) },
    };
  });
}

/** What the record notes of the enrollment. One that is not ours has taken the place of ours, and is not asked for again. */
function seen(
  found: FoundEntry | undefined,
  isOwn: (found: FoundEntry) => boolean,
  at: string,
): Partial<EnrollmentSeen> {
  const [held] = found?.thumbprints ?? [];
  if (found === undefined || held === undefined || !isOwn(found)) return { missingSince: at };
  return { sha256Thumbprint: held, provisioningStatus: found.disabled === true ? 'disabled' : 'enabled' };
}

function isWorking({ status }: DeviceRecord): boolean {
  return status === 'provisioned' || status === 'assigned';
}
