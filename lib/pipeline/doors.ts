import type { DeviceBlock, DoorSeen, DoorsSeen } from '../devices/block.ts';
import { certificatesOf } from '../devices/certificates.ts';
import { type DeviceRecord, enrolledCertificates } from '../devices/device.ts';
import type { DoorChange } from '../enrollment/door-change.ts';
import { describeEntry, type EnrollmentChange, type FoundEntry } from '../enrollment/enrollments.ts';
import type { HubIdentity } from '../enrollment/hub-identities.ts';
import { FleetError, orFleetError } from '../errors.ts';
import { inForce } from '../groups/group.ts';
import { retrying } from '../retry.ts';
import { changeDevice } from './change-device.ts';
import type { Ports } from './ports.ts';

/*
 * The doors of a device that are outside: its enrollment in DPS, and its identity at its hubs. They are closed in this order,
 * and opened in the other. IoT Edge that is refused by its hub asks DPS within seconds, and DPS would write a new identity.
 *
 * A door is closed by the id of the device and not by a certificate: a device can have several that are valid.
 *
 * Two operations can meet: a restore may be about to open a door while a revocation closes it. So each operation writes its
 * mark on the door that it closes, even if the door is closed. An opening is made with the version that it read, after it
 * asked whether the record still wants it. A revocation that wrote its record before that is seen; one that came after has
 * changed the door.
 */

export type DoorPorts = Pick<
  Ports,
  'devices' | 'groups' | 'enrollments' | 'identities' | 'registryRateLimiter' | 'retry' | 'now'
>;

/** A device and its block. */
export interface Blocked {
  readonly record: DeviceRecord;
  readonly block: DeviceBlock;
}

/** Seconds that a call outside is repeated. What is not done by then is done by the next message. */
const maxWaitSeconds = 20;

/** Calls of one change: a read, a write and a read. */
const callsPerChange = 3;

/**
 * Closes DPS for devices (10 at most) and reads it back. The hubs of a device are closed afterwards (`closeHubs`).
 * @returns what was seen of each device, in order
 */
export async function closeEnrollments(all: readonly Blocked[], ports: DoorPorts): Promise<DoorSeen[]> {
  // Afterwards DPS does not name the hub any more, if the device asks before its hub is closed.
  const noted = await Promise.all(all.map(({ record }) => orFleetError(() => noteHub(record.id, ports))));
  const doors = all.flatMap((blocked, index) => {
    if (noted[index] instanceof FleetError) return [];
    const isNew = enrolledCertificates(blocked.record).length === 0;
    const { mark } = blocked.block;
    return [{ deviceId: blocked.record.id, mark, change: enrollmentChange(blocked, ports), isNew }];
  });
  const found =
    doors.length === 0 ? [] : await orFleetError(() => patiently(ports, () => ports.enrollments.closeAll(doors)));
  const seenOf = (deviceId: string): DoorSeen => {
    const one = found instanceof FleetError ? found : found[doors.findIndex((each) => each.deviceId === deviceId)];
    return one instanceof FleetError ? notSeen(one) : enrollmentSeen(deviceId, one);
  };
  return all.map(({ record }, index) => {
    const failure = noted[index];
    return failure instanceof FleetError ? notSeen(failure) : seenOf(record.id);
  });
}

/** Closes the hubs of a device and reads them back. A hub that does not close does not keep DPS open. */
export function closeHubs(blocked: Blocked, ports: DoorPorts): Promise<DoorSeen> {
  const { mark } = blocked.block;
  const change = hubChange(blocked, ports);
  const disable = (name: string, id: string) => ports.identities.disable(name, id, mark, change);
  return seen(async () => hubSeen(await atHubs(blocked, ports, callsPerChange, disable)));
}

/** Reads both doors, and changes nothing. */
export async function seeDoors(blocked: Blocked, ports: DoorPorts): Promise<DoorsSeen> {
  const { enrollments, identities } = ports;
  const { id } = blocked.record;
  const enrollment = await seen(async () =>
    enrollmentSeen(id, await patiently(ports, () => enrollments.enrollment(id))),
  );
  const hub = await seen(async () => hubSeen(await atHubs(blocked, ports, 1, (name) => identities.read(name, id))));
  return { enrollment, hub };
}

/**
 * Opens the hubs, then DPS.
 * @throws FleetError `throttled`, `unavailable`, `concurrent-change`
 */
export async function openDoors(blocked: Blocked, ports: DoorPorts): Promise<DoorsOpened> {
  const { enrollments, groups, identities } = ports;
  const { id, enrollmentGroup } = blocked.record;
  const hubs = await atHubs(blocked, ports, callsPerChange, (name) =>
    identities.enable(name, id, hubChange(blocked, ports)),
  );
  throwFirst(hubs);
  const group = (await groups.directory({ maxAgeSeconds: 0 })).get(enrollmentGroup)?.value;
  const status = group === undefined ? 'enabled' : inForce(group).definition.provisioningStatus;
  const change = enrollmentChange(blocked, ports);
  const { deletion } = blocked.record;
  const isOwn = (found: FoundEntry) => change.isOwn(found) && !isOfDeletion(found, deletion);
  const entry = await patiently(ports, () => enrollments.open(id, status, { ...change, isOwn }));
  const left = [...hubs.identities].flatMap(([name, { status: found, statusReason = 'none' }]) =>
    found === 'disabled' ? [`It stays disabled at ${name}, where the reason is "${statusReason}".`] : [],
  );
  if (entry !== undefined && isOfDeletion(entry, deletion)) {
    left.push('DPS stays closed: the device was deleted before. Earlier certificates could register.');
  } else if (entry?.disabled === true && status === 'enabled') {
    left.push(`DPS has a disabled enrollment that this deployment did not create. ${describeEntry(entry)}`);
  }
  return { ...(left.length > 0 && { left: left.join(' ') }), ...(entry !== undefined && { enrollment: entry }) };
}

export interface DoorsOpened {
  /** Why a door stays closed. Absent when both are open. */
  readonly left?: string;
  /** The individual enrollment as DPS has it now. */
  readonly enrollment?: FoundEntry;
}

/** The block of a device that was deleted stays until its id is provisioned again (steps/unblock.ts). */
function isOfDeletion({ mark }: FoundEntry, deletion: DeviceRecord['deletion']): boolean {
  return mark !== undefined && mark === deletion?.block;
}

/** The hubs that a device was assigned to: as its record says, and as DPS says now. */
export async function hubsOf(given: DeviceRecord, ports: DoorPorts): Promise<HubsOfDevice> {
  const failures: FleetError[] = [];
  const noted = await attempt(failures, () => noteHub(given.id, ports));
  const { record, registrations } = noted ?? { record: given, registrations: [] };
  const seenAt = registrations.map(({ assignedHub }) => assignedHub);
  const all = [...keptHubs(record), record.registration?.assignedHub, ...seenAt];
  return {
    names: new Set(all.filter((name) => name !== undefined)),
    isAssigning: registrations.some(({ status }) => status === 'assigning'),
    failures,
  };
}

/**
 * Asks DPS for the registrations of a device, and notes their hubs on the record if the record would forget them: DPS does not
 * name the hub of a device that it has refused.
 * @throws FleetError
 */
async function noteHub(id: string, ports: DoorPorts) {
  const registrations = await patiently(ports, () => ports.enrollments.registrationsOf(id));
  const hubs = new Set(registrations.flatMap(({ assignedHub }) => assignedHub ?? []));
  const record = await changeDevice(id, ports, (latest) => {
    const kept = keptHubs(latest);
    const added = [...hubs].filter((hub) => !kept.includes(hub));
    return added.length === 0 ? latest : { ...latest, hubs: [...(latest.hubs ?? []), ...added] };
  });
  return { record, registrations };
}

function keptHubs(record: DeviceRecord): readonly (string | undefined)[] {
  return [...(record.hubs ?? []), ...certificatesOf(record).map(({ assignedHub }) => assignedHub)];
}

export interface HubsOfDevice {
  readonly names: ReadonlySet<string>;
  /** DPS decides at this moment. */
  readonly isAssigning: boolean;
  /** DPS did not answer, so there can be another hub. */
  readonly failures: readonly FleetError[];
}

/** A group lets a device in that has no enrollment. */
function enrollmentSeen(id: string, found: FoundEntry | undefined): DoorSeen {
  if (found === undefined) return { closed: false, why: 'DPS has no entry that blocks the device.' };
  if (found.disabled === true) return { closed: true };
  const advice = 'Disable it in DPS, or delete it.';
  return { closed: false, why: `DPS has an enabled enrollment "${id}". ${describeEntry(found)} ${advice}` };
}

/**
 * One call for each hub of the device. A service that does not answer keeps no other one from being called.
 * @param calls to the registry that `call` makes for each hub
 */
async function atHubs(
  blocked: Blocked,
  ports: DoorPorts,
  calls: number,
  call: (hub: string, deviceId: string) => Promise<HubIdentity>,
): Promise<HubsSeen> {
  const { names, isAssigning, failures: unread } = await hubsOf(blocked.record, ports);
  const identities = new Map<string, HubIdentity>();
  const failures = [...unread];
  for (const name of names) {
    await ports.registryRateLimiter.acquire(calls);
    const identity = await attempt(failures, () => patiently(ports, () => call(name, blocked.record.id)));
    if (identity !== undefined) identities.set(name, identity);
  }
  return { identities, isAssigning, failures };
}

interface HubsSeen {
  /** By hub. */
  readonly identities: ReadonlyMap<string, HubIdentity>;
  readonly isAssigning: boolean;
  /** Of DPS, which knows the hubs, and of hubs. */
  readonly failures: readonly FleetError[];
}

function hubSeen({ identities, isAssigning, failures }: HubsSeen): DoorSeen {
  if (failures.length > 0) return { closed: false, why: failures.map(({ message }) => message).join(' ') };
  const open = [...identities].filter(([, { status }]) => status === 'enabled').map(([name]) => name);
  if (open.length > 0) return { closed: false, why: `The device is enabled at ${open.join(', ')}.` };
  // DPS writes the identity when it has decided. The next look finds it.
  if (isAssigning) return { closed: false, why: 'DPS is assigning the device to a hub at this moment.' };
  return { closed: true };
}

function enrollmentChange(blocked: Blocked, ports: DoorPorts): EnrollmentChange {
  return {
    isOwn: ownEntry(blocked.record, blocked.block),
    mayWrite: () => isWanted(blocked, ports),
  };
}

/** Tells an entry of this deployment in DPS: a block by its mark, an enrollment by its certificate. */
export function ownEntry(record: DeviceRecord, { marks }: Pick<DeviceBlock, 'marks'>): EnrollmentChange['isOwn'] {
  const own = enrolledCertificates(record);
  return ({ mark, thumbprints: [held] }) =>
    mark === undefined ? held !== undefined && own.includes(held) : marks.includes(mark);
}

function hubChange(blocked: Blocked, ports: DoorPorts): DoorChange {
  return { isOwn: (mark) => blocked.block.marks.includes(mark), mayWrite: () => isWanted(blocked, ports) };
}

/** Whether the record still asks for what this operation does. */
async function isWanted({ record, block }: Blocked, { devices }: DoorPorts): Promise<boolean> {
  const latest = (await devices.read([record.id])).get(record.id)?.value.block;
  return latest?.mark === block.mark && latest.undo?.mark === block.undo?.mark;
}

/** Repeats a call outside for some seconds. A service that does not answer delays the next door by one timeout at most. */
export function patiently<T>({ retry, now }: Pick<Ports, 'retry' | 'now'>, work: () => Promise<T>): Promise<T> {
  return retrying(work, { maxWaitSeconds, sleep: retry.sleep, now });
}

/** @throws FleetError the first of the failures, if there is one */
export function throwFirst({ failures: [first] }: Pick<HubsOfDevice, 'failures'>): void {
  if (first !== undefined) throw first;
}

/** @returns undefined when it fails; the error is added to `failures` */
async function attempt<T>(failures: FleetError[], work: () => Promise<T>): Promise<T | undefined> {
  const found = await orFleetError(work);
  if (!(found instanceof FleetError)) return found;
  failures.push(found);
  return undefined;
}

async function seen(look: () => Promise<DoorSeen>): Promise<DoorSeen> {
  const found = await orFleetError(look);
  return found instanceof FleetError ? notSeen(found) : found;
}

/** A door that cannot be reached is not known as closed. */
function notSeen({ message }: FleetError): DoorSeen {
  return { closed: false, why: message };
}
