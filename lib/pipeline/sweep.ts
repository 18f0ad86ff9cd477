import { type DeviceRecord, enrolledCertificates } from '../devices/device.ts';
import type { FleetReader, ObservedDevice, ObservedEntry } from '../enrollment/observed.ts';
import type { Observe } from '../findings/observation.ts';
import { type GroupRecord, inForce } from '../groups/group.ts';
import { finishIfDone } from '../jobs/count-part.ts';
import { waiting } from '../jobs/job.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import { retrying } from '../retry.ts';
import type { Page, Versioned } from '../storage.ts';
import { applyRegistrations } from './apply-registrations.ts';
import { changeDevice } from './change-device.ts';
import type { Ports } from './ports.ts';
import {
  noFigures,
  readSweepState,
  type SweepCursor,
  type SweepFigures,
  type SweepPhase,
  type SweepState,
  writeSweepState,
} from './sweep-state.ts';

export type SweepPorts = Pick<
  Ports,
  'devices' | 'groups' | 'jobs' | 'reports' | 'enrollments' | 'twins' | 'announceAssigned' | 'retry' | 'now'
> & {
  readonly fleet: FleetReader;
  /** Operations of DPS: the sweep's share of the quota. */
  readonly rateLimiter: RateLimiter;
  /** Queries of a hub: the sweep's share of the quota. */
  readonly queryRateLimiter: RateLimiter;
  /** Takes what is seen (detect-drift.ts). */
  readonly observe: Observe;
};

/** A run ends in time before `functionTimeout`, 30 minutes. The next one goes on. */
const longestRunMs = 20 * 60 * 1000;

/** Steps between two writes of the state. After a crash that many are repeated at most, which changes nothing. */
const stepsPerWrite = 20;

/**
 * Pages of a hub per sweep: 10,000 devices. A query per 100 devices is slow (20 per minute at a small hub) and its twins are
 * billed, so each sweep reads the next part of a large hub.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling
 */
const hubPagesPerSweep = 100;

/**
 * Pages of devices per group and sweep that DPS is asked for one by one, one call each: 5,000 devices of a group of which
 * something is missing; otherwise 500 devices with individual enrollments, since DPS has no query for their registrations.
 * Each sweep goes on where the latest one ended.
 */
const lookUpPages = { lacks: 50, complete: 5 };

/** Devices per page, as DPS and the hub have. */
const pageSize = 100;

/** Jobs that are looked at: a job is done within days. */
const jobDays = 7;

const phases = ['groups', 'enrollments', 'registrations', 'missing', 'hubs', 'jobs', 'end'] as const;

/**
 * Looks at everything that this deployment made: enrollment groups, individual enrollments, registrations and hub identities.
 * Brings the records up to date and hands what it sees to `observe`. It reads by pages, so its memory does not grow with the
 * fleet, and keeps its place, so a run that ends or is cut is continued by the next one.
 * @param begin begins a sweep when none is under way; without it, only one that is under way goes on
 * @returns the figures when the sweep ended in this run
 * @throws FleetError `throttled`, `unavailable`; the next run goes on
 */
export async function sweep(
  ports: SweepPorts,
  { begin }: { readonly begin: boolean },
): Promise<SweepFigures | undefined> {
  const { reports, now } = ports;
  let state = await readSweepState(reports);
  if (state.cursor === undefined && !begin) return undefined;
  let cursor = state.cursor ?? firstCursor(now());
  const startedAt = now().getTime();
  let isEnded = false;
  try {
    for (let step = 1; cursor.phase !== 'end' && now().getTime() - startedAt < longestRunMs; step++) {
      ({ cursor, state } = await steps[cursor.phase](cursor, state, ports));
      if (step % stepsPerWrite === 0) await writeSweepState(reports, { ...state, cursor });
    }
    if (cursor.phase !== 'end') return undefined;
    const { began } = cursor;
    const endedAt = now().toISOString();
    const { gone } = await ports.observe({ of: 'end', at: endedAt, began });
    const figures = { ...cursor.figures, gone: cursor.figures.gone + gone };
    const { cursor: _cursor, ...rest } = state;
    await writeSweepState(reports, { ...rest, latest: { began, endedAt, figures } });
    isEnded = true;
    return figures;
  } finally {
    if (!isEnded) await writeSweepState(reports, { ...state, cursor });
  }
}

function firstCursor(at: Date): SweepCursor {
  return { began: at.toISOString(), phase: 'groups', pages: 0, seen: {}, hubs: [], figures: noFigures };
}

interface Place {
  readonly cursor: SweepCursor;
  readonly state: SweepState;
}

type Step = (cursor: SweepCursor, state: SweepState, ports: SweepPorts) => Promise<Place>;

/** One step reads one page. */
const steps: Readonly<Record<Exclude<SweepPhase, 'end'>, Step>> = {
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
    const figures = withDetected(cursor, await ports.observe({ of: 'groups', at, groups }));
    return { cursor: nextPhase(added({ ...cursor, figures }, { groups: groups.size, calls })), state };
  },

  async enrollments(cursor, state, ports) {
    const page = await askDps(ports, () => ports.fleet.enrollments(cursor.continuation));
    const records = await ports.devices.read(page.items.map(({ id }) => id));
    const seen = { ...cursor.seen };
    for (const entry of page.items) {
      const record = records.get(entry.id)?.value;
      if (record === undefined || !isOwnEnrollment(record, entry)) continue;
      seen[record.enrollmentGroup] = (seen[record.enrollmentGroup] ?? 0) + 1;
      if (record.enrolled?.missingSince !== undefined) await noteEnrollment(record, entry, ports);
    }
    // An individual enrollment of a device that has no record is not ours.
    const devices = page.items
      .filter(({ id }) => records.has(id))
      .map((enrollment) => ({ deviceId: enrollment.id, enrollment }));
    const looked = await observeDevices({ ...cursor, seen }, devices, records, ports);
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
    const changed = await applyRegistrations(page.items, records, inForce(group), ports);
    if (changed > 0) records = await ports.devices.read(ids);
    const assigned = page.items.filter(({ registration }) => registration.status === 'assigned');
    const own = assigned.filter(({ deviceId }) => records.get(deviceId)?.value.enrollmentGroup === group.id);
    const hubs = assigned.flatMap(({ registration }) => registration.assignedHub ?? []);
    const counted = {
      ...cursor,
      seen: { ...cursor.seen, [group.id]: (cursor.seen[group.id] ?? 0) + own.length },
      hubs: [...new Set([...cursor.hubs, ...hubs.map((hub) => hub.toLowerCase())])].sort(),
    };
    const devices = page.items.map((each) => ({ ...each, registeredIn: group.id }));
    const looked = await observeDevices(counted, devices, records, ports);
    const next = added(looked, { registrations: page.items.length, calls: 1, changed });
    return { cursor: nextPage({ ...next, at: group.id }, page.continuation) ?? after(next, group.id), state };
  },

  /**
   * DPS has fewer enrollments or registrations of a group than the records say: each device is asked for. In groups with
   * individual enrollments, also the registrations of some devices.
   */
  async missing(cursor, state, ports) {
    const group = await groupAt(cursor, ports, () => true);
    if (group === undefined) return { cursor: nextPhase(cursor), state };
    const isIndividual = group.definition.enrollment === 'individual';
    const lacks = (cursor.seen[group.id] ?? 0) < (await expectedIn(group, ports));
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

  async hubs(cursor, state, ports) {
    const hub = cursor.hubs.find((each) => cursor.at === undefined || each >= cursor.at);
    if (hub === undefined) return { cursor: nextPhase(cursor), state };
    const isNew = cursor.at !== hub;
    const from = isNew ? state.places[hub] : cursor.continuation;
    await ports.queryRateLimiter.acquire(1);
    const page = await retrying(() => ports.fleet.identities(hub, from), ports.retry);
    const ids = page.items.map(({ deviceId }) => deviceId.toLowerCase());
    const records = await ports.devices.read(ids);
    // A hub can have devices of others.
    const devices = page.items
      .map((identity) => ({ deviceId: identity.deviceId.toLowerCase(), identity }))
      .filter(({ deviceId }) => records.has(deviceId));
    const looked = await observeDevices(cursor, devices, records, ports);
    const pages = (isNew ? 0 : cursor.pages) + 1;
    const next = added({ ...looked, at: hub, pages }, { identities: page.items.length, calls: 1 });
    const cursorAfter = pages >= hubPagesPerSweep ? undefined : nextPage(next, page.continuation);
    return { cursor: cursorAfter ?? after(next, hub), state: placed(state, hub, page.continuation) };
  },

  /** Ends jobs whose rows are all counted and whose last write was lost. */
  async jobs(cursor, state, ports) {
    const at = ports.now();
    const since = new Date(at.getTime() - jobDays * 24 * 60 * 60 * 1000).toISOString();
    const page = await ports.jobs.list({ since, size: pageSize, continuation: cursor.continuation });
    for (const job of page.items) {
      if (job.finishedAt === undefined && waiting(job.counts) === 0) await finishIfDone(ports, job, at);
    }
    return { cursor: nextPage(cursor, page.continuation) ?? nextPhase(cursor), state };
  },
};

/** Asks DPS for each of these devices: its enrollment if the group lacks some, else its registration. */
async function lookUp(
  cursor: SweepCursor,
  listed: readonly DeviceRecord[],
  { group, lacks }: { readonly group: GroupRecord; readonly lacks: boolean },
  ports: SweepPorts,
): Promise<SweepCursor> {
  const records = await ports.devices.read(listed.map(({ id }) => id));
  const isIndividual = group.definition.enrollment === 'individual';
  const devices: ObservedDevice[] = [];
  let calls = 0;
  let changed = 0;
  for (const { value: record } of records.values()) {
    const { id: deviceId } = record;
    if (isIndividual && lacks) {
      calls += 1;
      if ((await askDps(ports, () => ports.enrollments.enrollment(deviceId))) !== undefined) continue;
      await noteEnrollment(record, undefined, ports);
      devices.push({ deviceId, enrollment: null });
      continue;
    }
    calls += 1;
    const registration = (await askDps(ports, () => ports.enrollments.registration(deviceId))) ?? null;
    if (registration !== null)
      changed += await applyRegistrations([{ deviceId, registration }], records, inForce(group), ports);
    else if (record.status !== 'assigned') continue;
    devices.push({ deviceId, registration });
  }
  const current = devices.length === 0 ? records : await ports.devices.read(devices.map(({ deviceId }) => deviceId));
  const looked = await observeDevices(cursor, devices, current, ports);
  const hubs = devices.flatMap(({ registration }) => registration?.assignedHub?.toLowerCase() ?? []);
  return added({ ...looked, hubs: [...new Set([...looked.hubs, ...hubs])].sort() }, { calls, changed });
}

/** How many of them DPS should have: enrollments, or registrations of devices that are assigned. */
async function expectedIn({ id, definition }: GroupRecord, { devices }: SweepPorts): Promise<number> {
  const { value: counts } = await devices.countByStatus();
  const counted = counts.filter(({ enrollmentGroup, status }) => {
    const isExpected = status === 'assigned' || (definition.enrollment === 'individual' && status === 'provisioned');
    return enrollmentGroup === id && isExpected;
  });
  return counted.reduce((sum, { devices: each }) => sum + each, 0);
}

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

async function observeDevices(
  cursor: SweepCursor,
  devices: readonly ObservedDevice[],
  records: ReadonlyMap<string, Versioned<DeviceRecord>>,
  { observe, now }: SweepPorts,
): Promise<SweepCursor> {
  if (devices.length === 0) return cursor;
  const detected = await observe({ of: 'devices', at: now().toISOString(), devices, records });
  return { ...cursor, figures: withDetected(cursor, detected) };
}

async function askDps<T>({ rateLimiter, retry }: SweepPorts, ask: () => Promise<T>): Promise<T> {
  await rateLimiter.acquire(1);
  return retrying(ask, retry);
}

function isOwnEnrollment(record: DeviceRecord, { thumbprints: [held] }: ObservedEntry): boolean {
  return isWorking(record) && held !== undefined && enrolledCertificates(record).includes(held);
}

function isWorking({ status }: DeviceRecord): boolean {
  return status === 'provisioned' || status === 'assigned';
}

/** The group that the cursor is at: the first one, by id, that is not done. */
async function groupAt(
  { at = '' }: SweepCursor,
  { groups }: SweepPorts,
  isWanted: (definition: GroupRecord['definition']) => boolean,
): Promise<GroupRecord | undefined> {
  const all = [...(await groups.directory()).values()].map(({ value }) => value);
  const wanted = all.filter(
    ({ id, definition, deleting }) => id >= at && deleting === undefined && isWanted(definition),
  );
  return wanted.sort((a, b) => (a.id < b.id ? -1 : 1))[0];
}

/** @returns undefined when there is no further page */
function nextPage(cursor: SweepCursor, continuation: string | undefined): SweepCursor | undefined {
  return continuation === undefined ? undefined : { ...cursor, continuation };
}

/** The cursor behind a group or a hub. No id has U+0020, which sorts before every character of one. */
function after({ continuation: _continuation, ...cursor }: SweepCursor, name: string): SweepCursor {
  return { ...cursor, at: `${name} `, pages: 0 };
}

function nextPhase({ at: _at, continuation: _continuation, ...cursor }: SweepCursor): SweepCursor {
  return { ...cursor, phase: phases[phases.indexOf(cursor.phase) + 1] ?? 'end', pages: 0 };
}

/** The state with the place in a group or hub where the next sweep begins. */
function placed(state: SweepState, name: string, continuation: string | undefined): SweepState {
  const { [name]: _before, ...places } = state.places;
  return { ...state, places: continuation === undefined ? places : { ...places, [name]: continuation } };
}

function added(cursor: SweepCursor, more: Partial<SweepFigures>): SweepCursor {
  const figures = { ...cursor.figures };
  for (const name of Object.keys(noFigures) as (keyof SweepFigures)[]) figures[name] += more[name] ?? 0;
  return { ...cursor, figures };
}

function withDetected(
  { figures }: SweepCursor,
  { opened, gone }: { readonly opened: number; readonly gone: number },
): SweepFigures {
  return { ...figures, opened: figures.opened + opened, gone: figures.gone + gone };
}
