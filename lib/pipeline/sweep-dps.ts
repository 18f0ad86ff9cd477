import { certificatesOf } from '../devices/certificates.ts';
import { type DeviceRecord, type DeviceStatus, enrolledCertificates } from '../devices/device.ts';
import type { RegistrationOf } from '../enrollment/enrollments.ts';
import type { ObservedDevice, ObservedEntry } from '../enrollment/observed.ts';
import { needsBlock } from '../findings/compare-device.ts';
import { dpsOf } from '../groups/dps-instance.ts';
import { type GroupRecord, inForce } from '../groups/group.ts';
import { currentLog } from '../log.ts';
import type { Page, Versioned } from '../storage.ts';
import { applyRegistrations } from './apply-registrations.ts';
import { changeDevice } from './change-device.ts';
import type { SweepCursor } from './sweep-state.ts';
import {
  added,
  after,
  askDps,
  devicesHere,
  isWorking,
  nextPage,
  nextPhase,
  observeDevices,
  pageSize,
  placed,
  type Steps,
  type SweepPorts,
  withDetected,
} from './sweep-step.ts';

/* The steps of a sweep that read DPS. */

/**
 * Pages of devices per group and sweep that DPS is asked for one by one, one call each: 5,000 devices of a group of which
 * something is missing; otherwise 500 devices with individual enrollments, since DPS has no query for their registrations.
 * Each sweep goes on where the latest one ended.
 */
const lookUpPages = { lacks: 50, complete: 5 };

/** Statuses of devices that DPS can have to refuse, in the order of the phase `blocks`. */
const blockedStatuses: readonly DeviceStatus[] = ['deleted', 'revoked', 'scrapped', 'suspended'];

/** One step reads one page. */
export const dpsSteps: Steps<'groups' | 'enrollments' | 'registrations' | 'missing' | 'blocks'> = {
  async groups(cursor, state, ports) {
    const groups = new Map<string, ObservedEntry>();
    const at = ports.now().toISOString();
    let continuation: string | undefined;
    let calls = 0;
    do {
      const page: Page<ObservedEntry> = await askDps(ports, () => ports.fleet.groups(continuation));
      for (const group of page.items) groups.set(group.id, group);
      continuation = page.continuation;
      calls += 1;
    } while (continuation !== undefined);
    const figures = withDetected(cursor, await ports.observe({ of: 'groups', at, groups, dps: ports.dps.name }));
    return { cursor: nextPhase(added({ ...cursor, figures }, { groups: groups.size, calls })), state };
  },

  async enrollments(cursor, state, ports) {
    const page = await askDps(ports, () => ports.fleet.enrollments(cursor.continuation));
    const records = await ports.devices.read(page.items.map(({ id }) => id));
    const isFirst = cursor.continuation === undefined;
    const seen = isFirst ? {} : { ...cursor.seen };
    const at = ports.now().toISOString();
    let blocked = isFirst ? 0 : cursor.blocks.seen;
    const here = await devicesHere(valuesOf(records), ports);
    for (const entry of page.items) {
      const record = records.get(entry.id)?.value;
      if (record === undefined) continue;
      if (needsBlock(record, at) && here.isKnown(entry.id)) blocked += 1;
      if (!isOwnEnrollment(record, entry) || !here.isHome(entry.id)) continue;
      seen[record.enrollmentGroup] = (seen[record.enrollmentGroup] ?? 0) + 1;
      if (record.enrolled?.missingSince !== undefined) await noteEnrollment(record, entry, ports);
    }
    // An individual enrollment of a device that has no record is not ours.
    const devices = page.items
      .filter(({ id }) => records.has(id) && here.isHome(id))
      .map((enrollment) => ({ deviceId: enrollment.id, enrollment }));
    const counted = { ...cursor, seen, blocks: { expected: 0, seen: blocked } };
    const looked = await observeDevices(counted, devices, records, ports);
    const next = added(looked, { enrollments: page.items.length, calls: 1 });
    return { cursor: nextPage(next, page.continuation) ?? nextPhase(next), state };
  },

  async registrations(cursor, state, ports) {
    const group = await groupAt(cursor, ports, ({ enrollment }) => enrollment === 'group');
    if (group === undefined) return { cursor: nextPhase(cursor), state };
    const continuation = cursor.at === group.id ? cursor.continuation : undefined;
    const page = await askDps(ports, () => ports.fleet.registrations(group.id, continuation));
    const ids = page.items.map(({ deviceId }) => deviceId);
    let records = await ports.devices.read(ids);
    const { here, left } = await splitRegistrations(page.items, records, ports);
    const changed = await applyRegistrations(here, records, inForce(group), ports);
    if (changed > 0) records = await ports.devices.read(ids);
    const assigned = here.filter(({ registration }) => registration.status === 'assigned');
    const own = assigned.filter(({ deviceId }) => records.get(deviceId)?.value.enrollmentGroup === group.id);
    const before = continuation === undefined ? 0 : (cursor.seen[group.id] ?? 0);
    const counted = {
      ...cursor,
      seen: { ...cursor.seen, [group.id]: before + own.length },
      hubs: withHubs(cursor, assigned),
    };
    await removeLeft(left, records, ports);
    const devices = here.map((each) => ({ ...each, registeredIn: group.id }));
    const looked = await observeDevices(counted, devices, records, ports);
    const next = added(looked, { registrations: page.items.length, calls: 1, changed });
    return { cursor: nextPage({ ...next, at: group.id }, page.continuation) ?? after(next, group.id), state };
  },

  /**
   * DPS has fewer enrollments or registrations of a group than the records say: each device is asked for. In groups with
   * individual enrollments, also the registrations of some devices.
   */
  async missing(given, state, ports) {
    const expected = given.expected ?? (await expectedByGroup(ports));
    const cursor = { ...given, expected };
    const group = await groupAt(cursor, ports, () => true);
    if (group === undefined) return { cursor: nextPhase(cursor), state };
    const isIndividual = group.definition.enrollment === 'individual';
    const lacks = (cursor.seen[group.id] ?? 0) < (expected[group.id] ?? 0);
    if (!lacks && !isIndividual) return { cursor: after(cursor, group.id), state };
    const isNew = cursor.at !== group.id;
    const from = isNew ? state.places[group.id] : cursor.continuation;
    const filter = { enrollmentGroup: group.id, ...(!isIndividual && { status: 'assigned' as const }) };
    const page = await ports.devices.list(filter, { size: pageSize, continuation: from });
    const looked = await lookUp(cursor, page.items.filter(isWorking), { group, lacks }, ports);
    const pages = (isNew ? 0 : cursor.pages) + 1;
    const isEnough = pages >= (lacks ? lookUpPages.lacks : lookUpPages.complete);
    const place = placed(state, group.id, page.continuation);
    const next = { ...looked, at: group.id, pages };
    const cursorAfter = isEnough ? undefined : nextPage(next, page.continuation);
    return { cursor: cursorAfter ?? after(next, group.id), state: place };
  },

  /**
   * DPS has fewer blocks than the records say, or lists less: each blocked device is asked for. Those whose block was read as an
   * entry were compared then.
   */
  async blocks(cursor, state, ports) {
    const { expected, seen } = cursor.blocks;
    const status = blockedStatuses.find((each) => cursor.at === undefined || each >= cursor.at);
    if (seen >= expected || status === undefined) return { cursor: nextPhase(cursor), state };
    const continuation = cursor.at === status ? cursor.continuation : undefined;
    const page = await ports.devices.list({ status }, { size: pageSize, continuation });
    const records = await ports.devices.read(page.items.map(({ id }) => id));
    const at = ports.now().toISOString();
    const here = await devicesHere(valuesOf(records), ports);
    const blocked = [...records.values()].filter(({ value }) => needsBlock(value, at) && here.isKnown(value.id));
    const open: ObservedDevice[] = [];
    for (const { value } of blocked) {
      const found = await askDps(ports, () => ports.dps.enrollments.enrollment(value.id));
      if (found === undefined) open.push({ deviceId: value.id, enrollment: null });
    }
    const looked = await observeDevices(cursor, open, records, ports);
    const next = { ...added(looked, { calls: blocked.length }), at: status };
    return { cursor: nextPage(next, page.continuation) ?? after(next, status), state };
  },
};

/**
 * Asks DPS for each of these devices: where the group lacks individual enrollments for its enrollment, and for the registration if
 * that is missing; else for its registration.
 */
async function lookUp(
  cursor: SweepCursor,
  listed: readonly DeviceRecord[],
  { group, lacks }: { readonly group: GroupRecord; readonly lacks: boolean },
  ports: SweepPorts,
): Promise<SweepCursor> {
  const records = await ports.devices.read(listed.map(({ id }) => id));
  const asksEnrollments = lacks && group.definition.enrollment === 'individual';
  const devices: ObservedDevice[] = [];
  let calls = 0;
  for (const { value: record } of records.values()) {
    const { id: deviceId } = record;
    if (asksEnrollments) {
      calls += 1;
      if ((await askDps(ports, () => ports.dps.enrollments.enrollment(deviceId))) !== undefined) continue;
      await noteEnrollment(record, undefined, ports);
    }
    calls += 1;
    const registration = (await askDps(ports, () => ports.dps.enrollments.registration(deviceId))) ?? null;
    devices.push({ deviceId, ...(asksEnrollments && { enrollment: null }), registration });
  }
  // A device that never registered has nothing to compare.
  const seen = devices.filter(
    ({ deviceId, registration }) =>
      asksEnrollments || registration !== null || records.get(deviceId)?.value.status === 'assigned',
  );
  const registered = seen.flatMap(({ deviceId, registration }) => (registration ? [{ deviceId, registration }] : []));
  const changed = await applyRegistrations(registered, records, inForce(group), ports);
  const current = await ports.devices.read(seen.map(({ deviceId }) => deviceId));
  const looked = await observeDevices({ ...cursor, hubs: withHubs(cursor, registered) }, seen, current, ports);
  return added(looked, { calls, changed });
}

/** Registrations of devices that are at home here or not known, and those of devices that have moved to another instance. */
async function splitRegistrations(
  found: readonly RegistrationOf[],
  records: ReadonlyMap<string, Versioned<DeviceRecord>>,
  ports: SweepPorts,
): Promise<{ readonly here: readonly RegistrationOf[]; readonly left: readonly RegistrationOf[] }> {
  const { isHome } = await devicesHere(valuesOf(records), ports);
  const isHere = ({ deviceId }: RegistrationOf) => !records.has(deviceId) || isHome(deviceId);
  return { here: found.filter(isHere), left: found.filter((each) => !isHere(each)) };
}

/**
 * Deletes what a device left that registers with another instance by now. It would count against the limit of this one, and
 * keep its group from being deleted. Its identity at the hub is looked at in the phase `hubs`.
 */
async function removeLeft(
  left: readonly RegistrationOf[],
  records: ReadonlyMap<string, Versioned<DeviceRecord>>,
  ports: SweepPorts,
): Promise<void> {
  for (const { deviceId, registration } of left) {
    const record = records.get(deviceId)?.value;
    if (record === undefined || !hasMoved(record, registration)) continue;
    await askDps(ports, () => ports.dps.enrollments.deleteRegistration(deviceId));
    currentLog().info('registration of a moved device deleted', { device: deviceId, dps: ports.dps.name });
  }
}

/** Its present certificate has registered, and this registration is older. */
function hasMoved(record: DeviceRecord, { at = '' }: RegistrationOf['registration']): boolean {
  const present = certificatesOf(record).find(({ serialNumber }) => serialNumber === record.serialNumber);
  const { registeredAt, confirmedAt } = present ?? {};
  return record.status === 'assigned' && confirmedAt !== undefined && registeredAt !== undefined && at < registeredAt;
}

function valuesOf(records: ReadonlyMap<string, Versioned<DeviceRecord>>): DeviceRecord[] {
  return [...records.values()].map(({ value }) => value);
}

/** The hubs of the cursor, with those that these devices are assigned to. The records are counted later. */
function withHubs({ hubs }: SweepCursor, found: readonly RegistrationOf[]): SweepCursor['hubs'] {
  const assigned = found.flatMap(({ registration: { assignedHub } }) => assignedHub?.toLowerCase() ?? []);
  return { ...Object.fromEntries(assigned.map((hub) => [hub, 0])), ...hubs };
}

/**
 * How many of each group DPS should have: enrollments, or registrations of devices that are assigned. The same counts say how
 * large each group is, which is noted for the spread of its certificates.
 */
async function expectedByGroup({ devices, groups }: SweepPorts): Promise<Readonly<Record<string, number>>> {
  const directory = await groups.directory();
  const expected = new Map<string, number>();
  const sizes = new Map<string, number>([...directory.keys()].map((id) => [id, 0]));
  for (const { enrollmentGroup, status, devices: count } of (await devices.countByStatus()).value) {
    if (!withoutCertificate.includes(status)) sizes.set(enrollmentGroup, (sizes.get(enrollmentGroup) ?? 0) + count);
    const isIndividual = directory.get(enrollmentGroup)?.value.definition.enrollment === 'individual';
    const isExpected = status === 'assigned' || (isIndividual && status === 'provisioned');
    if (isExpected) expected.set(enrollmentGroup, (expected.get(enrollmentGroup) ?? 0) + count);
  }
  for (const [id, size] of sizes) await groups.noteSize(id, size);
  return Object.fromEntries(expected);
}

/** Statuses of devices that renew nothing any more. */
const withoutCertificate: readonly DeviceStatus[] = ['deleted', 'revoked', 'scrapped'];

/** Notes on the record that its individual enrollment is there, or is missing. */
async function noteEnrollment(record: DeviceRecord, seen: ObservedEntry | undefined, ports: SweepPorts): Promise<void> {
  const seenAt = ports.now().toISOString();
  await changeDevice(record.id, ports, (latest) => {
    const { enrolled, identity } = latest;
    const isSame = identity !== undefined && identity.sha256Thumbprint === record.identity?.sha256Thumbprint;
    if (!isSame || !isWorking(latest)) return latest;
    if (seen === undefined) {
      if (enrolled?.missingSince !== undefined) return latest;
      const { sha256Thumbprint } = enrolled ?? identity;
      return { ...latest, enrolled: { ...enrolled, seenAt, sha256Thumbprint, missingSince: seenAt } };
    }
    const [sha256Thumbprint = identity.sha256Thumbprint] = seen.thumbprints;
    const { provisioningStatus } = seen.settings;
    return { ...latest, enrolled: { seenAt, sha256Thumbprint, provisioningStatus } };
  });
}

function isOwnEnrollment(record: DeviceRecord, { thumbprints: [held] }: ObservedEntry): boolean {
  return isWorking(record) && held !== undefined && enrolledCertificates(record).includes(held);
}

/** The group that the cursor is at: the first one, by id, that is not done. */
async function groupAt(
  { at = '' }: SweepCursor,
  { groups, dps }: SweepPorts,
  isWanted: (definition: GroupRecord['definition']) => boolean,
): Promise<GroupRecord | undefined> {
  const all = [...(await groups.directory()).values()].map(({ value }) => value);
  const wanted = all.filter(
    ({ id, definition, deleting }) =>
      id >= at && deleting === undefined && dpsOf(definition) === dps.name && isWanted(definition),
  );
  return wanted.sort((a, b) => (a.id < b.id ? -1 : 1))[0];
}
