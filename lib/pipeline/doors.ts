import type { DeviceBlock, DoorSeen, DoorsSeen } from '../devices/block.ts';
import { certificatesOf } from '../devices/certificates.ts';
import { type DeviceRecord, enrolledCertificates } from '../devices/device.ts';
import type { DoorChange } from '../enrollment/door-change.ts';
import { describeEntry, type EnrollmentChange, type FoundEntry } from '../enrollment/enrollments.ts';
import type { HubIdentity } from '../enrollment/hub-identities.ts';
import { FleetError } from '../errors.ts';
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
  'devices' | 'groups' | 'enrollments' | 'identities' | 'rateLimiter' | 'registryRateLimiter' | 'retry'
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

/** Closes DPS, then the hubs, and reads both back. A door that does not close does not keep the other one open. */
export async function closeDoors(blocked: Blocked, ports: DoorPorts): Promise<DoorsSeen> {
  const enrollment = await seen(async () => {
    // Afterwards DPS does not say it any more, if the device knocks before its hub is closed.
    await hubsOf(blocked.record, ports);
    return closeEnrollment(blocked, ports);
  });
  const change = hubChange(blocked, ports);
  const hub = await seen(async () =>
    hubSeen(await atHubs(blocked, ports, (name, id) => ports.identities.disable(name, id, blocked.block.mark, change))),
  );
  return { enrollment, hub };
}

/** Reads both doors, and changes nothing. */
export async function seeDoors(blocked: Blocked, ports: DoorPorts): Promise<DoorsSeen> {
  const { enrollments, identities, rateLimiter } = ports;
  const { id } = blocked.record;
  const enrollment = await seen(async () => {
    await rateLimiter.acquire(1);
    return enrollmentSeen(id, await patiently(ports, () => enrollments.enrollment(id)));
  });
  const hub = await seen(async () => hubSeen(await atHubs(blocked, ports, (name) => identities.read(name, id))));
  return { enrollment, hub };
}

/**
 * Opens the hubs, then DPS.
 * @returns why a door stays closed; undefined when both are open
 * @throws FleetError `throttled`, `unavailable`, `concurrent-change`
 */
export async function openDoors(blocked: Blocked, ports: DoorPorts): Promise<string | undefined> {
  const { enrollments, groups, identities, rateLimiter } = ports;
  const { id, enrollmentGroup } = blocked.record;
  const change = hubChange(blocked, ports);
  const hubs = await atHubs(blocked, ports, (name) => identities.enable(name, id, change));
  const group = (await groups.directory({ maxAgeSeconds: 0 })).get(enrollmentGroup)?.value;
  const status = group === undefined ? 'enabled' : inForce(group).definition.provisioningStatus;
  await rateLimiter.acquire(callsPerChange);
  const entry = await patiently(ports, () => enrollments.open(id, status, enrollmentChange(blocked, ports)));
  const left = [...hubs.identities].flatMap(([name, { status: found, statusReason = 'none' }]) =>
    found === 'disabled' ? [`It stays disabled at ${name}, where the reason is "${statusReason}".`] : [],
  );
  if (entry?.disabled === true && status === 'enabled') {
    left.push(`DPS has a disabled enrollment that this deployment did not create. ${describeEntry(entry)}`);
  }
  return left.length === 0 ? undefined : left.join(' ');
}

/**
 * The hubs that a device was assigned to: as DPS says now, and as its record says. DPS names no hub any more once it has
 * refused the device, so a hub that the record would forget is noted there first.
 * @throws FleetError
 */
export async function hubsOf({ id }: DeviceRecord, ports: DoorPorts) {
  const { enrollments, rateLimiter } = ports;
  await rateLimiter.acquire(1);
  const registration = await patiently(ports, () => enrollments.registration(id));
  const assignedHub = registration?.assignedHub;
  const record = await changeDevice(id, ports, (latest) => {
    const isKept = assignedHub === undefined || keptHubs(latest).includes(assignedHub);
    return isKept ? latest : { ...latest, hubs: [...(latest.hubs ?? []), assignedHub] };
  });
  const all = [...keptHubs(record), record.registration?.assignedHub, assignedHub];
  return {
    names: new Set(all.filter((name) => name !== undefined)),
    isAssigning: registration?.status === 'assigning',
  };
}

function keptHubs(record: DeviceRecord): readonly (string | undefined)[] {
  return [...(record.hubs ?? []), ...certificatesOf(record).map(({ assignedHub }) => assignedHub)];
}

async function closeEnrollment(blocked: Blocked, ports: DoorPorts): Promise<DoorSeen> {
  const { id } = blocked.record;
  const { mark } = blocked.block;
  await ports.rateLimiter.acquire(callsPerChange);
  const change = enrollmentChange(blocked, ports);
  return enrollmentSeen(id, await patiently(ports, () => ports.enrollments.close(id, mark, change)));
}

/** A group lets a device in that has no enrollment. */
function enrollmentSeen(id: string, found: FoundEntry | undefined): DoorSeen {
  if (found === undefined) return { closed: false, why: 'DPS has no entry that blocks the device.' };
  if (found.disabled === true) return { closed: true };
  const advice = 'Disable it in DPS, or delete it.';
  return { closed: false, why: `DPS has an enabled enrollment "${id}". ${describeEntry(found)} ${advice}` };
}

/** One call for each hub of the device. */
async function atHubs(
  blocked: Blocked,
  ports: DoorPorts,
  call: (hub: string, deviceId: string) => Promise<HubIdentity>,
): Promise<HubsSeen> {
  const { names, isAssigning } = await hubsOf(blocked.record, ports);
  const identities = new Map<string, HubIdentity>();
  for (const name of names) {
    await ports.registryRateLimiter.acquire(callsPerChange);
    identities.set(name, await patiently(ports, () => call(name, blocked.record.id)));
  }
  return { identities, isAssigning };
}

interface HubsSeen {
  /** By hub. */
  readonly identities: ReadonlyMap<string, HubIdentity>;
  readonly isAssigning: boolean;
}

function hubSeen({ identities, isAssigning }: HubsSeen): DoorSeen {
  const open = [...identities].filter(([, { status }]) => status === 'enabled').map(([name]) => name);
  if (open.length > 0) return { closed: false, why: `The device is enabled at ${open.join(', ')}.` };
  // DPS writes the identity when it has decided. The next look finds it.
  if (isAssigning) return { closed: false, why: 'DPS is assigning the device to a hub at this moment.' };
  return { closed: true };
}

function enrollmentChange(blocked: Blocked, ports: DoorPorts): EnrollmentChange {
  const own = enrolledCertificates(blocked.record);
  const { marks } = blocked.block;
  return {
    isOwn: ({ mark, thumbprints: [held] }) =>
      mark === undefined ? held !== undefined && own.includes(held) : marks.includes(mark),
    mayWrite: () => isWanted(blocked, ports),
  };
}

function hubChange(blocked: Blocked, ports: DoorPorts): DoorChange {
  return { isOwn: (mark) => blocked.block.marks.includes(mark), mayWrite: () => isWanted(blocked, ports) };
}

/** Whether the record still asks for what this operation does. */
async function isWanted({ record, block }: Blocked, { devices }: DoorPorts): Promise<boolean> {
  const latest = (await devices.read([record.id])).get(record.id)?.value.block;
  return latest?.mark === block.mark && latest.undo?.mark === block.undo?.mark;
}

/** Repeats a call outside for some seconds. */
export function patiently<T>({ retry: { sleep } }: Pick<Ports, 'retry'>, work: () => Promise<T>): Promise<T> {
  return retrying(work, { maxWaitSeconds, sleep });
}

/** A door that cannot be reached is not known as closed. */
async function seen(look: () => Promise<DoorSeen>): Promise<DoorSeen> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { closed: false, why: error.message };
  }
}
