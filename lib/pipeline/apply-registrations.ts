import pMap from 'p-map';
import { confirm, countsForPresent } from '../devices/certificates.ts';
import { type DeviceRecord, type Registration, withEvent } from '../devices/device.ts';
import { deviceAssigned } from '../devices/device-events.ts';
import type { RegistrationOf } from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import type { GroupRecord } from '../groups/group.ts';
import { currentLog } from '../log.ts';
import { owe } from '../outbox.ts';
import type { Versioned } from '../storage.ts';
import type { Ports } from './ports.ts';

/**
 * Twins written at once. Where one write takes 50 ms, two stay below the 50 per second of the smallest hub
 * (https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling). Writes that it throttles are made in the
 * next run.
 */
const twinsAtOnce = 2;

export type ApplyPorts = Pick<Ports, 'devices' | 'twins' | 'announceAssigned' | 'now'>;

/**
 * Writes what DPS says into the records of these devices, and delivers their twins where DPS made new ones. A device that DPS
 * moved to another hub, that registered again, or whose registration failed since is brought up to date. A registration from
 * before the present certificate does not count. A record that changes in the meantime is updated in the next run.
 * @param found registrations of devices of one group
 * @param records their records, as they were when DPS was asked
 * @returns the number of records that changed
 * @throws FleetError `throttled`, `unavailable`
 */
export async function applyRegistrations(
  found: readonly RegistrationOf[],
  records: ReadonlyMap<string, Versioned<DeviceRecord>>,
  group: GroupRecord,
  ports: ApplyPorts,
): Promise<number> {
  const changes: Versioned<DeviceRecord>[] = [];
  await pMap(
    found,
    async ({ deviceId, registration }) => {
      const record = records.get(deviceId);
      if (record === undefined || !isNews(record.value, registration)) return;
      const delivered = await deliverTwin(record.value, registration, group, ports);
      if (delivered === undefined) return;
      const at = ports.now().toISOString();
      const value = registered(record.value, delivered, at);
      const isAnnounced = ports.announceAssigned && isNewPlace(record.value, delivered);
      changes.push({
        etag: record.etag,
        value: isAnnounced ? owe(value, deviceAssigned(value, delivered, at)) : value,
      });
    },
    { concurrency: twinsAtOnce },
  );
  if (changes.length === 0) return 0;
  return (await ports.devices.replace(changes)).written.size;
}

/** Whether DPS says of a working device what its record does not. */
function isNews(record: DeviceRecord, registration: Registration): boolean {
  const { status } = registration;
  if (record.status === 'provisioned') {
    if (!countsForPresent(record, registration)) return false;
    return status === 'assigned' || !isKnown(record.registration, registration);
  }
  // A device that is assigned keeps that while DPS works on another registration.
  const isSettled = status === 'assigned' || status === 'failed' || status === 'disabled';
  if (record.status !== 'assigned' || !isSettled) return false;
  return countsForPresent(record, registration) && !isKnown(record.registration, registration);
}

/** Whether the device is at a hub where it was not before. */
function isNewPlace(
  { status, registration: known }: DeviceRecord,
  { status: now, assignedHub }: Registration,
): boolean {
  return now === 'assigned' && (status !== 'assigned' || known?.assignedHub !== assignedHub);
}

function isKnown(known: Registration | undefined, { status, assignedHub, at, errorCode }: Registration): boolean {
  if (known?.status !== status || known.assignedHub !== assignedHub || known.errorCode !== errorCode) return false;
  // A device whose registration fails tries again and again. Each attempt is the same news.
  return status !== 'assigned' || known.at === at;
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
  { twins, now }: ApplyPorts,
): Promise<Registration | undefined> {
  const { assignedHub } = registration;
  if (registration.status !== 'assigned' || assignedHub === undefined) return registration;
  const { twin } = record;
  if (twin === undefined || group.definition.enrollment === 'individual') return registration;
  const { twinDeliveredAt } = record.registration ?? {};
  if (keepsTwin(record.registration, registration)) return { ...registration, twinDeliveredAt };
  try {
    await twins.merge(assignedHub, record.id, twin);
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

/** The twin that has the values is the one that the device has now: DPS left it where it was, or moved it. */
function keepsTwin(known: Registration | undefined, { substatus }: Registration): boolean {
  return known?.twinDeliveredAt !== undefined && substatus === 'deviceDataMigrated';
}

function registered(record: DeviceRecord, registration: Registration, at: string): DeviceRecord {
  const { status, assignedHub, errorMessage } = registration;
  const event = { at, event: `registration ${status}` as const, detail: assignedHub ?? errorMessage };
  const seen: Registration = {
    ...registration,
    seenAt: at,
    ...(record.identity !== undefined && { sha256Thumbprint: record.identity.sha256Thumbprint }),
  };
  const history = withEvent(record.history, event);
  if (status === 'assigned') {
    const certificates = confirm(record, registration, at);
    const statusSince = record.status === 'assigned' ? record.statusSince : at;
    return { ...record, status: 'assigned', statusSince, certificates, registration: seen, history };
  }
  // DPS would not let it in now. It waits again, so the frequent timer looks after it.
  const waits = record.status === 'assigned' ? ({ status: 'provisioned', statusSince: at } as const) : {};
  return { ...record, ...waits, registration: seen, history };
}
