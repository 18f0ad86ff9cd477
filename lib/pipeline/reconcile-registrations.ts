import pMap from 'p-map';
import type { DeviceStore } from '../devices/device.ts';
import { type DeviceRecord, type Registration, withEvent } from '../devices/device.ts';
import type { Enrollments, HubTwins, RegistrationOf } from '../enrollment/enrollments.ts';
import type { Groups } from '../enrollment/groups.ts';
import { FleetError } from '../errors.ts';
import { enrollmentRevision, type GroupRecord } from '../groups/group.ts';
import type { Log } from '../log.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import type { Versioned } from '../storage.ts';

export interface ReconcileServices {
  readonly devices: DeviceStore;
  readonly groups: Groups;
  readonly enrollments: Enrollments;
  readonly twins: HubTwins;
  readonly pace: RateLimiter;
  readonly log: Log;
  readonly now: () => Date;
  /** 0 to 1; Math.random where absent. */
  readonly random?: () => number;
}

/**
 * Ids held in memory at once for one group, some 100 MB of them: as many devices as one DPS instance holds
 * (https://learn.microsoft.com/azure/iot-dps/about-iot-dps), so that none is left out for those before it.
 */
const waitingLimit = 1_000_000;

/**
 * Twins written at once: where one takes 50 ms, two stay below the 50 a second of the smallest hub
 * (https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling). What it throttles has its turn in the
 * next run.
 */
const twinsAtOnce = 2;

/**
 * Single look-ups a run, for devices with individual enrollments: DPS has no query for their registrations. Where more
 * wait, each run begins at another place of the list: devices that never come must not keep others from their turn.
 */
const lookUpsPerRun = 500;

/**
 * Brings device records up to what DPS says: assigned to which hub, or why not. Also tells DPS of groups whose
 * definition it does not hold yet. One group's trouble does not keep the others from their turn.
 * @returns how many records changed
 */
export async function reconcileRegistrations(services: ReconcileServices): Promise<number> {
  const { groups, log } = services;
  let changed = 0;
  for (const [id, group] of await groups.directory({ maxAgeSeconds: 0 })) {
    try {
      if (lags(group.value)) await groups.ensure(group);
      changed += await reconcileGroup(group.value, services);
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      log.warn('group not reconciled', { group: id, code: error.code, reason: error.message });
    }
  }
  return changed;
}

/** DPS was told of the group once, and does not hold it as it is now. */
function lags(group: GroupRecord): boolean {
  return group.definition.enrollment === 'group' && group.enrolled?.revision !== enrollmentRevision(group);
}

async function reconcileGroup(group: GroupRecord, services: ReconcileServices): Promise<number> {
  const waiting = new Set(await services.devices.waitingIds(group.id, waitingLimit));
  let changed = 0;
  for await (const page of registrations(group, waiting, services)) {
    const news = page.filter(({ deviceId }) => waiting.has(deviceId));
    changed += await apply(news, group, services);
    for (const { deviceId } of news) waiting.delete(deviceId);
    if (waiting.size === 0) break;
  }
  return changed;
}

async function* registrations(
  group: GroupRecord,
  waiting: ReadonlySet<string>,
  { enrollments, pace, random = Math.random }: ReconcileServices,
): AsyncIterable<RegistrationOf[]> {
  if (waiting.size === 0) return;
  if (group.definition.enrollment === 'group') {
    for await (const page of enrollments.groupRegistrations(group.id)) {
      await pace.acquire(1);
      yield page;
    }
    return;
  }
  const ids = [...waiting];
  const first = Math.floor(random() * ids.length);
  for (const deviceId of [...ids.slice(first), ...ids.slice(0, first)].slice(0, lookUpsPerRun)) {
    await pace.acquire(1);
    const registration = await enrollments.registration(deviceId);
    if (registration !== undefined) yield [{ deviceId, registration }];
  }
}

/** Writes what DPS says into the records of these devices. A record that changes meanwhile gets its turn in the next run. */
async function apply(
  news: readonly RegistrationOf[],
  group: GroupRecord,
  services: ReconcileServices,
): Promise<number> {
  if (news.length === 0) return 0;
  const { devices, now } = services;
  const records = await devices.read(news.map(({ deviceId }) => deviceId));
  const changes: Versioned<DeviceRecord>[] = [];
  const record = async ({ registration }: RegistrationOf, index: number) => {
    const found = records[index];
    if (found?.value.status !== 'provisioned' || isKnown(found.value, registration)) return;
    const delivered = await deliverTwin(found.value, registration, group, services);
    if (delivered === undefined) return;
    changes.push({ etag: found.etag, value: registered(found.value, delivered, now().toISOString()) });
  };
  await pMap(news, record, { concurrency: twinsAtOnce });
  if (changes.length === 0) return 0;
  const etags = await devices.replace(changes);
  return etags.filter((etag) => etag !== undefined).length;
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
 * An enrollment group gives all its devices one initial twin; what the row asked for beyond that is written to the hub's
 * twin once there is one. Until that succeeds the device is not called assigned.
 */
async function deliverTwin(
  record: DeviceRecord,
  registration: Registration,
  group: GroupRecord,
  { twins, log, now }: ReconcileServices,
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
    log.warn('twin not delivered', { device: record.id, hub: assignedHub, code: error.code, reason: error.message });
    return undefined;
  }
}

function registered(record: DeviceRecord, registration: Registration, at: string): DeviceRecord {
  const { status, assignedHub, errorMessage } = registration;
  const event = { at, event: `registration ${status}`, detail: assignedHub ?? errorMessage };
  const assigned = status === 'assigned' ? ({ status: 'assigned', statusSince: at } as const) : {};
  return { ...record, ...assigned, registration, history: withEvent(record.history, event) };
}
