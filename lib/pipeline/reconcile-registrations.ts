import pMap from 'p-map';
import { confirm } from '../devices/certificates.ts';
import { type DeviceRecord, type Registration, withEvent } from '../devices/device.ts';
import type { RegistrationOf } from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import { enrollmentRevision, type GroupRecord, inForce } from '../groups/group.ts';
import { currentLog } from '../log.ts';
import type { Versioned } from '../storage.ts';
import type { Ports } from './ports.ts';

export type ReconcilePorts = Pick<
  Ports,
  'devices' | 'groups' | 'enrollments' | 'twins' | 'rateLimiter' | 'now' | 'random'
>;

/**
 * Device ids held in memory at once for one group, some 100 MB: as many devices as one DPS instance holds
 * (https://learn.microsoft.com/azure/iot-dps/about-iot-dps), so that none is left out.
 */
const waitingLimit = 1_000_000;

/**
 * Twins written at once. Where one write takes 50 ms, two stay below the 50 per second of the smallest hub
 * (https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling). Writes that it throttles are made in the
 * next run.
 */
const twinsAtOnce = 2;

/**
 * Single look-ups per run, for devices with individual enrollments: DPS has no query for their registrations. Where more
 * wait, each run begins at another place of the list, so that devices that never register do not hold up the others.
 */
const lookUpsPerRun = 500;

/**
 * Updates device records to what DPS says: assigned to which hub, or why not. Also sends DPS the groups that it does not hold
 * as declared. An error in one group does not stop the others, and a group that DPS does not take does not stop its devices.
 * @returns the number of records that changed
 */
export async function reconcileRegistrations(ports: ReconcilePorts): Promise<number> {
  const { groups } = ports;
  let changed = 0;
  for (const [id, group] of await groups.directory({ maxAgeSeconds: 0 })) {
    await warnOnError('group not brought up to date', id, async () => {
      if (isOutOfSync(group.value)) await groups.ensure(group);
    });
    await warnOnError('group not reconciled', id, async () => {
      changed += await reconcileGroup(inForce(group.value), ports);
    });
  }
  return changed;
}

async function warnOnError(event: string, group: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    currentLog().warn(event, { group, code: error.code, reason: error.message });
  }
}

/** DPS does not hold the group as it was declared last. */
function isOutOfSync(group: GroupRecord): boolean {
  return group.definition.enrollment === 'group' && group.enrolled?.revision !== enrollmentRevision(group);
}

async function reconcileGroup(group: GroupRecord, ports: ReconcilePorts): Promise<number> {
  const waiting = new Set(await ports.devices.waitingIds(group.id, waitingLimit));
  let changed = 0;
  for await (const page of registrations(group, waiting, ports)) {
    const found = page.filter(({ deviceId }) => waiting.has(deviceId));
    changed += await applyRegistrations(found, group, ports);
    for (const { deviceId } of found) waiting.delete(deviceId);
    if (waiting.size === 0) break;
  }
  return changed;
}

async function* registrations(
  group: GroupRecord,
  waiting: ReadonlySet<string>,
  { enrollments, rateLimiter, random }: ReconcilePorts,
): AsyncIterable<RegistrationOf[]> {
  if (waiting.size === 0) return;
  if (group.definition.enrollment === 'group') {
    for await (const page of enrollments.groupRegistrations(group.id)) {
      await rateLimiter.acquire(1);
      yield page;
    }
    return;
  }
  const ids = [...waiting];
  const first = Math.floor(random() * ids.length);
  for (const deviceId of [...ids.slice(first), ...ids.slice(0, first)].slice(0, lookUpsPerRun)) {
    await rateLimiter.acquire(1);
    const registration = await enrollments.registration(deviceId);
    if (registration !== undefined) yield [{ deviceId, registration }];
  }
}

/**
 * Writes what DPS says into the records of these devices. A record that changes in the meantime is updated in the next run.
 * @returns the number of records that changed
 */
async function applyRegistrations(
  found: readonly RegistrationOf[],
  group: GroupRecord,
  ports: ReconcilePorts,
): Promise<number> {
  if (found.length === 0) return 0;
  const { devices, now } = ports;
  const records = await devices.read(found.map(({ deviceId }) => deviceId));
  const changes: Versioned<DeviceRecord>[] = [];
  await pMap(
    found,
    async ({ deviceId, registration }) => {
      const record = records.get(deviceId);
      if (record?.value.status !== 'provisioned' || isKnown(record.value, registration)) return;
      const delivered = await deliverTwin(record.value, registration, group, ports);
      if (delivered === undefined) return;
      changes.push({ etag: record.etag, value: registered(record.value, delivered, now().toISOString()) });
    },
    { concurrency: twinsAtOnce },
  );
  if (changes.length === 0) return 0;
  return (await devices.replace(changes)).written.size;
}

function isKnown(record: DeviceRecord, registration: Registration): boolean {
  const known = record.registration;
  return (
    registration.status !== 'assigned' &&
    known?.status === registration.status &&
    known.errorCode === registration.errorCode
  );
}

/**
 * Writes the tags and desired properties of the device's own row to its twin at the hub: an enrollment group gives all its
 * devices one initial twin. The device counts as assigned once that has succeeded.
 * @returns the registration to record, or undefined when the twin could not be written
 */
async function deliverTwin(
  record: DeviceRecord,
  registration: Registration,
  group: GroupRecord,
  { twins, now }: ReconcilePorts,
): Promise<Registration | undefined> {
  const { assignedHub, status } = registration;
  const byEnrollment = group.definition.enrollment === 'individual' || record.twin === undefined;
  if (status !== 'assigned' || assignedHub === undefined || byEnrollment || record.twin === undefined)
    return registration;
  try {
    await twins.merge(assignedHub, record.id, record.twin);
    return { ...registration, twinDeliveredAt: now().toISOString() };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    currentLog().warn('twin not delivered', {
      device: record.id,
      hub: assignedHub,
      code: error.code,
      reason: error.message,
    });
    return undefined;
  }
}

function registered(record: DeviceRecord, registration: Registration, at: string): DeviceRecord {
  const { status, assignedHub, errorMessage } = registration;
  const event = { at, event: `registration ${status}` as const, detail: assignedHub ?? errorMessage };
  const assigned =
    status === 'assigned'
      ? ({ status: 'assigned', statusSince: at, certificates: confirm(record, at, assignedHub) } as const)
      : {};
  return { ...record, ...assigned, registration, history: withEvent(record.history, event) };
}
