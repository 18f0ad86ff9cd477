import { eraseBundle } from '../bundle/archive.ts';
import { isBlocked } from '../devices/blocking.ts';
import { bundlesOf, certificatesOf, formerIdentities, revokeAll } from '../devices/certificates.ts';
import { type DeviceRecord, enrolledCertificates, historyLength, withEvent } from '../devices/device.ts';
import { type Deletion, describeEntry } from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import { retrying } from '../retry.ts';
import { changeDevice } from './change-device.ts';
import type { Ports } from './ports.ts';
import { readDevice } from './read-device.ts';

export type DeleteDevicePorts = Pick<
  Ports,
  'devices' | 'groups' | 'bundles' | 'enrollments' | 'twins' | 'retry' | 'now' | 'newId'
>;

/** Seconds after which a registration that is under way has ended: DPS answers within some. */
const registrationSeconds = 5;

/**
 * Deletes a device that was never assigned to a hub: one that failed, or that is provisioned and has not registered. Closes
 * DPS first, then removes its registration, its identity in the hub and its bundle. The record stays, with the status
 * `deleted` and its certificate; another row can use the id.
 *
 * Every step can be repeated, so a request that was cut short is finished by the next one. Deleting a device twice changes
 * nothing.
 * @param by who deletes it; recorded on the device
 * @returns the device as it is afterwards
 * @throws FleetError `not-found`; `method-conflict` when it has registered or a job works on it; `enrollment-exists` when DPS
 * has an enrollment of its id that is not ours, in the way of its block; `concurrent-change`, `throttled`, `unavailable`
 */
export async function deleteDevice(id: string, by: string, ports: DeleteDevicePorts): Promise<DeviceRecord> {
  const record = await markDeleting(id, by, ports);
  if (record.status === 'deleted') return record;
  const enrollment = await closeDps(record, ports);
  if (enrollment !== 'other') await removeRegistration(record, ports);
  for (const bundle of bundlesOf(record)) await eraseBundle(ports.bundles, bundle);
  return changeDevice(id, ports, (latest) =>
    latest.status === 'deleting' ? deletedRecord(latest, ports.now()) : latest,
  );
}

/** Refuses a device that may be in use, then marks it: from here on no bundle leaves and no row takes it. */
async function markDeleting(id: string, by: string, ports: DeleteDevicePorts): Promise<DeviceRecord> {
  const { value: first } = await readDevice(id, ports.devices);
  refuseUsed(first);
  if (first.status === 'provisioned' || formerIdentities(first).length > 0) await refuseRegistered(id, ports);
  const directory = await ports.groups.directory({ maxAgeSeconds: 0 });
  const mark = `deleted ${ports.newId()}`;
  return changeDevice(id, ports, (record) => {
    refuseUsed(record);
    if (record.status === 'deleting' || record.status === 'deleted') return record;
    const group = directory.get(record.enrollmentGroup)?.value;
    const isInDps = group !== undefined && (group.inDps !== undefined || group.enrolled !== undefined);
    const block = record.deletion?.block ?? (isInDps && mayBeOut(record) ? mark : undefined);
    const at = ports.now().toISOString();
    return {
      ...record,
      status: 'deleting',
      statusSince: at,
      deletion: { by, at, ...(block !== undefined && { block }) },
    };
  });
}

/** @throws FleetError `method-conflict` */
function refuseUsed(record: DeviceRecord): void {
  const { id, status, claim, registration, history } = record;
  const conflict = (why: string) =>
    new FleetError('method-conflict', `Device "${id}" ${why}. Only a device that never reached a hub can be deleted.`);
  if (isBlocked(record) || status === 'opening')
    throw new FleetError('concurrent-change', `Device "${id}" was suspended at the same moment. Repeat the request.`);
  if (status === 'claimed') throw conflict(`is in work: job ${claim.jobId} provisions it`);
  const hub = registration?.assignedHub ?? certificatesOf(record).find(({ assignedHub }) => assignedHub)?.assignedHub;
  if (hub !== undefined) throw conflict(`was assigned to ${hub}`);
  const assigned = history.find(({ event }) => event === 'registration assigned' || event === 'superseded assigned');
  if (status === 'assigned' || assigned !== undefined) throw conflict(`was assigned to a hub`);
}

/** The record can be some minutes late (reconcile-registrations.ts), so DPS is asked. @throws FleetError `method-conflict` */
async function refuseRegistered(id: string, { enrollments, retry }: DeleteDevicePorts): Promise<void> {
  const registrations = await retrying(() => enrollments.registrationsOf(id), retry);
  const used = registrations.find(({ status }) => status === 'assigned' || status === 'assigning');
  if (used === undefined) return;
  const { assignedHub } = used;
  const hub = assignedHub === undefined ? 'is being assigned to a hub' : `is assigned to ${assignedHub}`;
  throw new FleetError('method-conflict', `Device "${id}" has registered with DPS and ${hub}. It cannot be deleted.`);
}

/** Whether someone may have the certificate: a bundle was downloaded, or the history is too short to tell. */
function mayBeOut(record: DeviceRecord): boolean {
  const { history } = record;
  const hasCertificate = certificatesOf(record).length > 0;
  return (
    hasCertificate && (history.length >= historyLength || history.some(({ event }) => event === 'bundle downloaded'))
  );
}

/**
 * Deletes the individual enrollment if this deployment wrote it, and blocks a device of an enrollment group whose
 * certificate may be out.
 */
async function closeDps(record: DeviceRecord, { enrollments, retry }: DeleteDevicePorts): Promise<Deletion> {
  const { id, deletion } = record;
  const own = enrolledCertificates(record);
  let result: Deletion = 'absent';
  if (own.length > 0) {
    const isOwn = ({ thumbprints: [held] }: { readonly thumbprints: readonly string[] }) =>
      held !== undefined && own.includes(held);
    result = await retrying(() => enrollments.deleteEnrollment(id, isOwn), retry);
  }
  const mark = deletion?.block;
  if (mark === undefined) return result;
  const inTheWay = await retrying(() => enrollments.block(id, mark), retry);
  if (inTheWay === undefined) return result;
  const message = `DPS cannot block device "${id}": it has an individual enrollment of that id that this deployment did not create. ${describeEntry(inTheWay)} Delete it in DPS, then repeat the request.`;
  throw new FleetError('enrollment-exists', message);
}

/** Removes what a device left that registered after it was asked whether it has. */
async function removeRegistration(record: DeviceRecord, ports: DeleteDevicePorts): Promise<void> {
  const { enrollments, twins, retry } = ports;
  const { id } = record;
  const thumbprints = thumbprintsOf(record);
  if (thumbprints.length === 0) return;
  const registrations = await retrying(() => enrollments.registrationsOf(id), retry);
  if (registrations.length === 0) return;
  if (registrations.some(({ status }) => status === 'assigning')) {
    const message = `Device "${id}" registers at this moment. Repeat the request in some seconds to finish its deletion.`;
    throw new FleetError('concurrent-change', message, { retryAfter: registrationSeconds });
  }
  for (const { assignedHub } of registrations) {
    if (assignedHub === undefined) continue;
    const removal = await retrying(() => twins.remove(assignedHub, id, thumbprints), retry);
    // The hub has another device of this id, and so the registration is that of the other one.
    if (removal === 'other') return;
  }
  await retrying(() => enrollments.deleteRegistration(id), retry);
}

function thumbprintsOf(record: DeviceRecord): string[] {
  return certificatesOf(record).flatMap(({ sha1Thumbprint, sha256Thumbprint }) => [sha1Thumbprint, sha256Thumbprint]);
}

/** The certificate stays on record: the status says that it is revoked. */
function deletedRecord(record: DeviceRecord, now: Date): DeviceRecord {
  const { bundle: _bundle, registration: _registration, enrolledCertificates: _enrolled, ...rest } = record;
  const at = now.toISOString();
  const certificate = record.identity === undefined ? '' : `, certificate ${record.serialNumber} revoked`;
  const event = { at, event: 'deleted' as const, detail: `by ${record.deletion?.by ?? 'unknown'}${certificate}` };
  const certificates = revokeAll(certificatesOf(record), at);
  return { ...rest, certificates, status: 'deleted', statusSince: at, history: withEvent(record.history, event) };
}
