import { certificatesOf } from '../devices/certificates.ts';
import type { DeviceRecord } from '../devices/device.ts';
import type { DeletedGroup } from '../enrollment/group-deletion.ts';
import { defaultMaxAgeSeconds } from '../enrollment/group-directory.ts';
import { FleetError } from '../errors.ts';
import type { Precondition } from '../precondition.ts';
import type { Ports } from './ports.ts';

export type DeleteGroupPorts = Pick<Ports, 'groups' | 'devices' | 'enrollments' | 'retry'>;

/** Records per page of the search for devices. */
const pageSize = 1000;

/** Device ids that a refusal names. */
const maxNamed = 5;

/**
 * Deletes an enrollment group that has no devices: in DPS if this deployment wrote it, and here. Its CAs stay on record as
 * revoked, and the id can be used again.
 *
 * The group is marked first. Then this waits for as long as a worker may use a group that it has read before
 * (`defaultMaxAgeSeconds`), and looks for devices again. A chunk looks at the group after it has written its records (fence.ts), so
 * either it sees the mark and takes its certificates back, or this sees its devices. A request that was cut short is finished by the next one.
 * @param by who deletes it; recorded on the group
 * @throws FleetError `not-found`, `precondition-failed`, `method-conflict` when it has devices, or DPS has registrations of it;
 * `concurrent-change`, `throttled`, `unavailable`
 */
export async function deleteGroup(
  id: string,
  by: string,
  ports: DeleteGroupPorts,
  precondition?: Precondition,
): Promise<DeletedGroup> {
  const { groups, retry } = ports;
  // Before the mark too: a request that cannot succeed stops no rows.
  const isMarked = (await groups.directory({ maxAgeSeconds: 0 })).get(id)?.value.deleting !== undefined;
  if (!isMarked) await refuseUsed(id, ports);
  await groups.markDeleting(id, by, precondition);
  await retry.sleep((defaultMaxAgeSeconds + 1) * 1000);
  try {
    await refuseUsed(id, ports);
  } catch (error) {
    if (error instanceof FleetError && error.code === 'method-conflict') await groups.unmarkDeleting(id);
    throw error;
  }
  return groups.finishDeletion(id);
}

/** @throws FleetError `method-conflict` */
async function refuseUsed(id: string, { devices, enrollments }: DeleteGroupPorts): Promise<void> {
  let continuation: string | undefined;
  do {
    const page = await devices.list({ enrollmentGroup: id }, { size: pageSize, continuation });
    const held = page.items.filter(isInUse).map((record) => record.id);
    if (held.length > 0) {
      const more = held.length > maxNamed || page.continuation !== undefined ? ' and others' : '';
      const message = `Enrollment group "${id}" has devices: ${held.slice(0, maxNamed).join(', ')}${more}. Delete them first.`;
      throw new FleetError('method-conflict', message);
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
  for await (const [registered] of enrollments.groupRegistrations(id)) {
    if (registered === undefined) continue;
    const message = `DPS has registrations of enrollment group "${id}", such as "${registered.deviceId}". Delete them in DPS first.`;
    throw new FleetError('method-conflict', message);
  }
}

/** A row that failed before it had a certificate leaves nothing outside its record. */
function isInUse(record: DeviceRecord): boolean {
  const { status, enrolledCertificates } = record;
  if (status === 'deleted') return false;
  const hasCertificate = certificatesOf(record).length > 0 || enrolledCertificates !== undefined;
  return status !== 'failed' || hasCertificate;
}
