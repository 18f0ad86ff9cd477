import pMap from 'p-map';
import type { DeviceCertificate, DeviceIdentity } from '../devices/certificate.ts';
import {
  certificatesOf,
  confirm,
  countsForPresent,
  formerIdentities,
  noteRegistration,
} from '../devices/certificates.ts';
import { type DeviceRecord, type Registration, withEvent } from '../devices/device.ts';
import { deviceAssigned } from '../devices/device-events.ts';
import { awaitsAnother, endOfWaiting, isShownByUse, stillAwaited, withPresent } from '../devices/renewal.ts';
import { renewalConfirmed } from '../devices/renewal-plan.ts';
import { emptyTwin, isEmptyTwin, twinPatch } from '../devices/twin.ts';
import type { RegistrationOf } from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import { type GroupRecord, inForce } from '../groups/group.ts';
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

export type ApplyPorts = Pick<
  Ports,
  'devices' | 'twins' | 'identities' | 'registryRateLimiter' | 'announceAssigned' | 'now'
>;

/**
 * Writes what DPS says into the records of these devices, and delivers their twins where DPS made new ones. A device that DPS
 * moved to another hub, that registered again, or whose registration failed since is brought up to date. A registration from
 * before the present certificate does not count for it, and neither does one with a former certificate. A record that changes in the meantime is updated in the next run.
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
      if (record === undefined) return;
      if (!isNews(record.value, registration)) {
        const value = endOfWaiting(record.value, ports.now().toISOString());
        if (value !== undefined) changes.push({ etag: record.etag, value });
        return;
      }
      const seen = await atHub(record.value, registration, group, ports);
      if (seen === undefined || (seen.former === undefined && !countsForPresent(record.value, registration))) return;
      const at = ports.now().toISOString();
      const value = withDeliveredTwin(registered(record.value, seen, at), seen.registration);
      const isAnnounced = ports.announceAssigned && isNewPlace(record.value, value);
      changes.push({
        etag: record.etag,
        value: isAnnounced ? owe(value, deviceAssigned(value, seen.registration, at)) : value,
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
  const counts = countsForPresent(record, registration) || canShowUse(record, registration);
  if (record.status === 'provisioned') {
    if (!counts) return false;
    return status === 'assigned' || !isKnown(record.registration, registration);
  }
  // A device that is assigned keeps that while DPS works on another registration.
  const isSettled = status === 'assigned' || status === 'failed' || status === 'disabled';
  if (record.status !== 'assigned' || !isSettled) return false;
  return counts && !isKnown(record.registration, registration);
}

/** Whether a registration from before the present certificate can show that the device uses another renewed identity. */
function canShowUse(record: DeviceRecord, { status, at }: Registration): boolean {
  if (record.unconfirmedSince === undefined || status !== 'assigned' || at === undefined) return false;
  return certificatesOf(record).every(({ registeredAt = '' }) => Date.parse(at) > (Date.parse(registeredAt) || 0));
}

/** Whether the device is at a hub where it was not before. */
function isNewPlace(before: DeviceRecord, { status, registration }: DeviceRecord): boolean {
  if (status !== 'assigned') return false;
  return before.status !== 'assigned' || before.registration?.assignedHub !== registration?.assignedHub;
}

function isKnown(known: Registration | undefined, { status, assignedHub, at, errorCode }: Registration): boolean {
  if (known?.status !== status || known.assignedHub !== assignedHub || known.errorCode !== errorCode) return false;
  // A device whose registration fails tries again and again. Each attempt is the same news.
  return status !== 'assigned' || known.at === at;
}

interface SeenRegistration {
  readonly registration: Registration;
  /** The former certificate that the device used. */
  readonly former: DeviceCertificate | undefined;
}

/**
 * Delivers the twin, and asks the hub which certificate the device used.
 * @returns undefined when the hub does not answer: the next run tries again
 */
async function atHub(
  record: DeviceRecord,
  registration: Registration,
  group: GroupRecord,
  ports: ApplyPorts,
): Promise<SeenRegistration | undefined> {
  try {
    const delivered = await deliverTwin(record, registration, group, ports);
    return { registration: delivered, former: await formerInUse(record, registration, group, ports) };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    currentLog().warn('registration not recorded', {
      device: record.id,
      hub: registration.assignedHub,
      code: error.code,
      reason: error.message,
    });
    return undefined;
  }
}

/**
 * Writes the tags and desired properties of the device's own row to its twin at the hub, and removes those that only earlier rows
 * gave it. An enrollment group gives all its devices one initial twin. An individual enrollment gives the row's own, but DPS leaves
 * the twin of a device that it knows as it is. The device counts as assigned once that has succeeded.
 * @returns the registration to record
 * @throws FleetError when the twin cannot be written
 */
async function deliverTwin(
  record: DeviceRecord,
  registration: Registration,
  group: GroupRecord,
  { twins, now }: ApplyPorts,
): Promise<Registration> {
  const { assignedHub } = registration;
  if (registration.status !== 'assigned' || assignedHub === undefined) return registration;
  const { twin, formerTwin } = record;
  const { twinDeliveredAt } = record.registration ?? {};
  const isIndividual = group.definition.enrollment === 'individual';
  if (isIndividual ? hasTwinByEnrollment(record, registration) : keepsTwin(record.registration, registration))
    return twinDeliveredAt === undefined ? registration : { ...registration, twinDeliveredAt };
  if (twin === undefined && formerTwin === undefined) return registration;
  if (!isIndividual && hasTwinByAllocation(record, registration, group))
    return { ...registration, twinDeliveredAt: now().toISOString() };
  const { initialTwin: initial } = inForce(group).definition;
  const patch = twinPatch(twin ?? emptyTwin, { former: formerTwin ?? emptyTwin, initial });
  if (!isEmptyTwin(patch)) await twins.merge(assignedHub, record.id, patch);
  return { ...registration, twinDeliveredAt: now().toISOString() };
}

/**
 * Whether the twin is left to the individual enrollment: DPS gives it to a device that no hub has, and to one that it resets. It
 * leaves the twin that a hub has, so after a replacement the row's own is written once, at the first registration.
 */
function hasTwinByEnrollment(record: DeviceRecord, { substatus = 'initialAssignment' }: Registration): boolean {
  if (record.registration?.assignedHub !== undefined || substatus === 'deviceDataReset') return true;
  return substatus === 'initialAssignment' && record.formerTwin === undefined && !wasAtHub(record);
}

/** Whether the device was at a hub before its present row. */
function wasAtHub(record: DeviceRecord): boolean {
  const { hubs = [], serialNumber: present } = record;
  const isFormer = ({ serialNumber, issuedWith = serialNumber }: DeviceCertificate) => issuedWith !== present;
  return hubs.length > 0 || certificatesOf(record).some((each) => isFormer(each) && each.registeredAt !== undefined);
}

/** The record of a device that is at a hub: what earlier rows gave it is removed there. */
function withDeliveredTwin(
  { formerTwin, ...record }: DeviceRecord,
  { status, assignedHub }: Registration,
): DeviceRecord {
  const isDelivered = formerTwin === undefined || (status === 'assigned' && assignedHub !== undefined);
  return isDelivered ? record : { ...record, formerTwin };
}

/** The twin that has the values is the one that the device has now: DPS left it where it was, or moved it. */
function keepsTwin(known: Registration | undefined, { substatus }: Registration): boolean {
  return known?.twinDeliveredAt !== undefined && substatus === 'deviceDataMigrated';
}

/** How far the clocks of this app and of DPS may be apart, in milliseconds. */
const clockSkew = 60_000;

/**
 * Whether DPS gave the device its twin at its first registration: this app was asked, and answered with it (allocate-device.ts).
 * Where that is not sure, the twin is merged, which changes nothing in one that has it.
 */
function hasTwinByAllocation(record: DeviceRecord, { substatus, at }: Registration, group: GroupRecord): boolean {
  const { allocationHook, definition } = group;
  if (definition.allocation !== 'orchestrator' || allocationHook?.since === undefined || at === undefined) return false;
  if (substatus !== 'initialAssignment' || record.registration?.assignedHub !== undefined || wasAtHub(record))
    return false;
  const present = certificatesOf(record).find(({ serialNumber }) => serialNumber === record.serialNumber);
  // Before, the webhook was not there, or the row of the device was another one.
  const before = [allocationHook.since, present?.since ?? record.statusSince];
  return before.every((time) => Date.parse(at) - clockSkew > Date.parse(time));
}

/**
 * DPS does not say which certificate a device registered with, but it writes the thumbprint to the identity at the hub. An
 * enrollment group lets in every certificate of its CA, so a device that has an unexpired former one can have used that. An
 * individual enrollment lets in the present one only.
 * @returns the former certificate that the device uses; undefined when it uses the present one, or when the hub does not say
 * @throws FleetError `throttled`, `unavailable`
 */
async function formerInUse(
  record: DeviceRecord,
  { status, assignedHub, at }: Registration,
  group: GroupRecord,
  { identities, registryRateLimiter, now }: ApplyPorts,
): Promise<DeviceCertificate | undefined> {
  if (status !== 'assigned' || assignedHub === undefined || at === undefined) return undefined;
  if (group.definition.enrollment === 'individual') return undefined;
  const time = now().toISOString();
  const former = formerIdentities(record).filter(({ notAfter }) => notAfter >= time);
  if (former.length === 0) return undefined;
  await registryRateLimiter.acquire(1);
  const thumbprints = (await identities.observe(assignedHub, record.id))?.thumbprints ?? [];
  const isUsed = ({ sha1Thumbprint, sha256Thumbprint }: DeviceIdentity) =>
    thumbprints.includes(sha1Thumbprint) || thumbprints.includes(sha256Thumbprint);
  return record.identity !== undefined && isUsed(record.identity) ? undefined : former.find(isUsed);
}

function registered(record: DeviceRecord, { registration, former }: SeenRegistration, at: string): DeviceRecord {
  if (former !== undefined && isShownByUse(record, former)) {
    const shown = registered(withPresent(record, former, at), { registration, former: undefined }, at);
    return stillAwaited(shown, record.serialNumber, record.unconfirmedSince ?? at);
  }
  const { status, assignedHub, errorMessage } = registration;
  const used = former ?? record.identity;
  const seen: Registration = {
    ...registration,
    seenAt: at,
    ...(used !== undefined && { sha256Thumbprint: used.sha256Thumbprint }),
  };
  const before = record.registration?.assignedHub;
  const hasMoved = before !== undefined && assignedHub !== undefined && before !== assignedHub;
  const hubs = hasMoved ? { hubs: [...new Set([...(record.hubs ?? []), before])] } : {};
  const detail = assignedHub ?? errorMessage;
  const event = { at, event: `registration ${status}` as const, detail };
  if (former !== undefined) {
    // The device has not installed its present bundle: it keeps waiting for it.
    const history = withEvent(record.history, {
      ...event,
      detail: `${detail}, with former certificate ${former.serialNumber}`,
    });
    const certificates = noteRegistration(record, former.serialNumber, registration);
    return { ...record, ...hubs, certificates, registration: seen, history };
  }
  const history = withEvent(record.history, event);
  if (status === 'assigned') {
    // It comes back with the identity that it has, before it registers with the other one.
    const certificates = awaitsAnother(record)
      ? noteRegistration(record, record.serialNumber, registration)
      : confirm(record, registration, at);
    const statusSince = record.status === 'assigned' ? record.statusSince : at;
    const assigned = { ...record, ...hubs, status, statusSince, certificates, registration: seen, history };
    return awaitsAnother(record) ? assigned : renewalConfirmed(assigned, at);
  }
  // DPS would not let it in now. It waits again, so the frequent timer looks after it.
  const waits = record.status === 'assigned' ? ({ status: 'provisioned', statusSince: at } as const) : {};
  return { ...record, ...waits, registration: seen, history };
}
