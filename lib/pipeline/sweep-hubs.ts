import type { DeviceRecord } from '../devices/device.ts';
import { idsPerQuery, type ObservedDevice, type ObservedIdentity } from '../enrollment/observed.ts';
import { FleetError } from '../errors.ts';
import { needsBlock } from '../findings/compare-device.ts';
import { currentLog } from '../log.ts';
import { retrying } from '../retry.ts';
import type { Versioned } from '../storage.ts';
import type { SweepCursor, SweepState } from './sweep-state.ts';
import {
  added,
  after,
  devicesHere,
  isWorking,
  nextPage,
  nextPhase,
  observeDevices,
  placed,
  type Steps,
  type SweepPorts,
} from './sweep-step.ts';

/* The steps of a sweep that read the records, and the identities that hubs have of them. */

/** Device records per step: most queries name 100 devices then, also where the devices of a page are at several hubs. */
const recordsPerStep = 1000;

/**
 * Identities that hubs are asked for per sweep. At 10 queries per minute and hub, half of what one unit of S1 or S2 allows,
 * that is 100 minutes for one hub. The answers are billed as some 8,000 messages, 2 % of the 400,000 per day of one S1 unit.
 * The next sweep of a larger fleet goes on where this one ended.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling
 */
const identitiesPerSweep = 100_000;

/**
 * Identities that a hub did not list, and that its registry is asked for one by one: as many as one step has, so none is left
 * out. At 50 operations per minute these are 20 minutes; the timeout of a function is 30 (host.json).
 */
const confirmationsPerSweep = 1000;

/** Pages of identities that no record accounts for, per hub and sweep: 10,000. */
const pagesPerHub = 100;

/** The name of the place in the fleet. No group and no hub has an asterisk in its name. */
export const identitiesPlace = '*identities';

export const hubSteps: Steps<'records' | 'hubs'> = {
  /** Compares every device on record that is at home here, with its identity at its hub. */
  async records(cursor, state, ports) {
    const { continuation } = cursor;
    const begun = continuation === undefined ? beginRecords(cursor, state) : cursor;
    const page = await ports.devices.list({}, { size: recordsPerStep, continuation });
    const here = await devicesHere(page.items, ports);
    const at = ports.now().toISOString();
    const needed = page.items.filter((record) => here.isKnown(record.id) && needsBlock(record, at)).length;
    const records = await ports.devices.read(page.items.map(({ id }) => id).filter((id) => here.isHome(id)));
    const { cursor: asked, found } = await askHubs(begun, [...records.values()], ports);
    const devices = [...records.keys()].map((deviceId): ObservedDevice => {
      const identity = found.get(deviceId);
      return identity === undefined ? { deviceId } : { deviceId, identity };
    });
    const looked = await observeDevices(asked, devices, records, ports);
    const next = {
      ...added(looked, { devices: devices.length }),
      blocks: { ...looked.blocks, expected: looked.blocks.expected + needed },
    };
    const goesOn = nextPage(next, page.continuation);
    if (goesOn !== undefined) return { cursor: goesOn, state };
    return { cursor: nextPhase(next), state: placed(state, identitiesPlace, placeOf(next)) };
  },

  /**
   * Counts the identities of each hub, which is one call and not billed. Where a hub has more than the records account for, its
   * list is read: an identity of one of our devices can be at a hub where it does not belong. A hub can have devices of others.
   */
  async hubs(cursor, state, ports) {
    const names = Object.keys(cursor.hubs).sort();
    const hub = names.find((each) => cursor.at === undefined || each >= cursor.at);
    if (hub === undefined) return { cursor: nextPhase(cursor), state };
    if (cursor.silentHubs.includes(hub)) return { cursor: after(cursor, hub), state };
    if (cursor.at !== hub) {
      const counted = await askHub(cursor, hub, async () => {
        await ports.registryRateLimiter.acquire(1);
        return retrying(() => ports.fleet.countIdentities(hub), ports.retry);
      });
      const identitiesAt = { ...cursor.identitiesAt, ...(counted.answer !== undefined && { [hub]: counted.answer }) };
      const next = { ...counted.cursor, identitiesAt, at: hub, pages: 0 };
      const surplus = (counted.answer ?? 0) - (cursor.hubs[hub] ?? 0);
      return { cursor: surplus > 0 ? next : after(next, hub), state };
    }
    const from = cursor.pages === 0 ? state.places[hub] : cursor.continuation;
    const { cursor: asked, answer: page } = await askHub(cursor, hub, async () => {
      await ports.queryRateLimiter(hub).acquire(1);
      return retrying(() => ports.fleet.identities(hub, from), ports.retry);
    });
    // A place that the hub does not know any more is forgotten.
    if (page === undefined) return { cursor: after(asked, hub), state: placed(state, hub, undefined) };
    const records = await ports.devices.read(page.items.map(({ deviceId }) => deviceId.toLowerCase()));
    const devices = page.items
      .map((identity) => ({ deviceId: identity.deviceId.toLowerCase(), identity }))
      .filter(({ deviceId }) => isElsewhere(records.get(deviceId)?.value, hub));
    const looked = await observeDevices(asked, devices, records, ports);
    const pages = cursor.pages + 1;
    const next = added({ ...looked, at: hub, pages }, { identities: page.items.length });
    const goesOn = pages >= pagesPerHub ? undefined : nextPage(next, page.continuation);
    return { cursor: goesOn ?? after(next, hub), state: placed(state, hub, page.continuation) };
  },
};

function beginRecords(cursor: SweepCursor, { places }: SweepState): SweepCursor {
  const identities = { from: places[identitiesPlace] ?? '', asked: 0, confirmed: 0 };
  const hubs = Object.fromEntries(Object.keys(cursor.hubs).map((hub) => [hub, 0]));
  return { ...cursor, hubs, identities, blocks: { ...cursor.blocks, expected: 0 } };
}

/** Where the next sweep begins to ask for identities: behind the last one of this sweep; at the beginning when all were asked for. */
function placeOf(cursor: SweepCursor): string | undefined {
  return isSpent(cursor) ? cursor.identities.from : undefined;
}

function isSpent({ identities: { asked, confirmed } }: SweepCursor): boolean {
  return asked >= identitiesPerSweep || confirmed >= confirmationsPerSweep;
}

/** Identities that were asked for, by device id; null for one that its hub does not have. */
type Found = Map<string, ObservedIdentity | null>;

/** Asks each hub for the identities that these records say it has, and counts those that the records account for. */
async function askHubs(
  cursor: SweepCursor,
  records: readonly Versioned<DeviceRecord>[],
  ports: SweepPorts,
): Promise<{ readonly cursor: SweepCursor; readonly found: Found }> {
  const found: Found = new Map();
  const wasSpent = isSpent(cursor);
  const { from } = cursor.identities;
  let next = cursor;
  const atHubs = Map.groupBy(records, ({ value }) => hubOf(value));
  for (const [hub, own] of atHubs) {
    if (hub === undefined) continue;
    const ids = own.map(({ value }) => value.id).filter((id) => !wasSpent && id > from);
    for (const part of idsPerQuery(ids)) next = await askForPart(next, { hub, part, found }, ports);
    const there = own.filter(({ value: { id, status } }) => {
      const identity = found.get(id);
      return identity === undefined ? status !== 'scrapped' : identity !== null;
    });
    next = { ...next, hubs: { ...next.hubs, [hub]: (next.hubs[hub] ?? 0) + there.length } };
  }
  const last =
    records
      .map(({ value }) => value.id)
      .sort()
      .at(-1) ?? from;
  if (!wasSpent && isSpent(next)) next = { ...next, identities: { ...next.identities, from: last } };
  return { cursor: next, found };
}

/** One query. A device that the hub does not list is read from its registry, since the list can be minutes old. */
async function askForPart(
  cursor: SweepCursor,
  { hub, part, found }: { readonly hub: string; readonly part: readonly string[]; readonly found: Found },
  ports: SweepPorts,
): Promise<SweepCursor> {
  if (cursor.silentHubs.includes(hub)) return cursor;
  const { cursor: asked, answer: listed } = await askHub(cursor, hub, async () => {
    await ports.queryRateLimiter(hub).acquire(1);
    return retrying(() => ports.fleet.identitiesOf(hub, part), ports.retry);
  });
  if (listed === undefined) return asked;
  for (const identity of listed) found.set(identity.deviceId, identity);
  const { identities } = asked;
  let next = added(asked, { identities: listed.length });
  next = { ...next, identities: { ...identities, asked: identities.asked + part.length } };
  for (const id of part.filter((each) => !found.has(each))) {
    if (isSpent(next)) break;
    const { cursor: confirmed, answer: identity } = await askHub(next, hub, async () => {
      await ports.registryRateLimiter.acquire(1);
      return retrying(() => ports.identities.observe(hub, id), ports.retry);
    });
    if (identity === undefined) return confirmed;
    found.set(id, identity);
    const counted = confirmed.identities.confirmed + 1;
    next = { ...confirmed, identities: { ...confirmed.identities, confirmed: counted } };
  }
  return next;
}

/**
 * Calls a hub. One that does not answer, that is gone or that refuses us does not hold up the rest of the fleet.
 * @returns no answer then
 * @throws FleetError `throttled`; the next run goes on
 */
async function askHub<T>(
  cursor: SweepCursor,
  hub: string,
  ask: () => Promise<T>,
): Promise<{ readonly cursor: SweepCursor; readonly answer?: T }> {
  try {
    return { answer: await ask(), cursor: added(cursor, { calls: 1 }) };
  } catch (error) {
    if (error instanceof FleetError && error.code === 'throttled') throw error;
    currentLog().warn('hub not read', { hub, reason: (error as Error).message });
    return { cursor: added({ ...cursor, silentHubs: [...cursor.silentHubs, hub] }, { calls: 1, silentHubs: 1 }) };
  }
}

/** The hub that has the identity of a device, or had it: lower case. */
function hubOf(record: DeviceRecord): string | undefined {
  const { status, registration } = record;
  const hub = registration?.assignedHub?.toLowerCase();
  if (isWorking(record)) return registration?.status === 'assigned' ? hub : undefined;
  return status === 'suspended' || status === 'revoked' || status === 'scrapped' ? hub : undefined;
}

/** Whether the identity of a device is at another hub than its own, where it was looked at already. */
function isElsewhere(record: DeviceRecord | undefined, hub: string): boolean {
  return record !== undefined && hubOf(record) !== hub;
}
