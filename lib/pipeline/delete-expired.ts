import { isReusable } from '../devices/blocking.ts';
import type { DeviceRecord } from '../devices/device.ts';
import { FleetError } from '../errors.ts';
import { ownEntry } from './doors.ts';
import type { Ports } from './ports.ts';

/** Days after which records are deleted. A member that is absent: they are kept. docs/retention.md */
export interface Retention {
  readonly scrappedDeviceDays?: number | undefined;
  readonly jobDays?: number | undefined;
}

export type DeleteExpiredPorts = Pick<Ports, 'devices' | 'jobs' | 'enrollments' | 'now'>;

const dayMs = 24 * 60 * 60 * 1000;

/** Devices of a page. As many take some seconds of the quota of DPS. */
const pageSize = 100;

/** As long as the sweep beside it, within `functionTimeout`, 30 minutes. The next night goes on. */
const longestRunMs = 20 * 60 * 1000;

/** Jobs that are deleted in one run. Each is one document, and one more per chunk. */
const mostJobs = 1000;

/**
 * Deletes the records of scrapped devices, and jobs, that are older than their retention. Redone after a crash, it goes on.
 * @returns how many it deleted
 * @throws FleetError `throttled`, `unavailable`
 */
export async function deleteExpired(
  ports: DeleteExpiredPorts,
  { scrappedDeviceDays, jobDays }: Retention,
): Promise<{ readonly devices: number; readonly jobs: number }> {
  const at = ports.now();
  const daysBefore = (days: number) => new Date(at.getTime() - days * dayMs).toISOString();
  const devices =
    scrappedDeviceDays === undefined ? 0 : await deleteScrapped(ports, daysBefore(scrappedDeviceDays), at);
  const jobs = jobDays === undefined ? 0 : await ports.jobs.removeEnded(daysBefore(jobDays), mostJobs);
  return { devices, jobs };
}

async function deleteScrapped(ports: DeleteExpiredPorts, before: string, began: Date): Promise<number> {
  const { devices, now } = ports;
  const isDue = (record: DeviceRecord) =>
    record.statusSince < before && record.owedSince === undefined && isReusable(record, began.toISOString());
  let deleted = 0;
  let continuation: string | undefined;
  do {
    const page = await devices.list({ status: 'scrapped' }, { size: pageSize, continuation });
    const due = page.items.filter(isDue).map(({ id }) => id);
    const latest = due.length === 0 ? [] : [...(await devices.read(due)).values()];
    const unblocked = [];
    for (const each of latest) if (isDue(each.value) && (await removeBlock(each.value, ports))) unblocked.push(each);
    if (unblocked.length > 0) deleted += await devices.remove(unblocked);
    continuation = page.continuation;
  } while (continuation !== undefined && now().getTime() - began.getTime() < longestRunMs);
  return deleted;
}

/**
 * Removes what blocks the device in DPS. It keeps nobody out any more, since every certificate has ended, and only the record knows
 * that it is ours: left behind, it would refuse the next device of this id.
 * @returns false when the entry changes now
 */
async function removeBlock(record: DeviceRecord, { enrollments }: DeleteExpiredPorts): Promise<boolean> {
  try {
    await enrollments.deleteEnrollment(record.id, ownEntry(record, record.block ?? { marks: [] }));
    return true;
  } catch (error) {
    if (error instanceof FleetError && error.code === 'concurrent-change') return false;
    throw error;
  }
}
