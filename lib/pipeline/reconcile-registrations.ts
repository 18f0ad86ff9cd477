import type { RegistrationOf } from '../enrollment/enrollments.ts';
import { FleetError } from '../errors.ts';
import { dpsOf } from '../groups/dps-instance.ts';
import { enrollmentRevision, type GroupRecord, inForce } from '../groups/group.ts';
import { currentLog } from '../log.ts';
import type { Versioned } from '../storage.ts';
import { type ApplyPorts, applyRegistrations } from './apply-registrations.ts';
import type { Ports } from './ports.ts';
import { reachEnrollments } from './reach-enrollments.ts';

export type ReconcilePorts = ApplyPorts & Pick<Ports, 'groups' | 'enrollments' | 'audit' | 'retry' | 'random'>;

/**
 * Device ids held in memory at once for one group, some 100 MB: as many devices as one DPS instance holds
 * (https://learn.microsoft.com/azure/iot-dps/about-iot-dps), so that none is left out.
 */
const waitingLimit = 1_000_000;

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
  const all = [...(await groups.directory({ maxAgeSeconds: 0 })).values()];
  // At once: a DPS instance that is slow does not hold up the groups of another one.
  const byInstance = Map.groupBy(all, ({ value }) => dpsOf(value.definition));
  const counts = await Promise.all([...byInstance.values()].map((own) => reconcileGroups(own, ports)));
  return counts.reduce((sum, changed) => sum + changed, 0);
}

async function reconcileGroups(all: readonly Versioned<GroupRecord>[], ports: ReconcilePorts): Promise<number> {
  let changed = 0;
  for (const group of all) {
    const { id } = group.value;
    await warnOnError('group not brought up to date', id, async () => {
      if (isOutOfSync(group.value)) await ports.groups.ensure(group);
    });
    await warnOnError('individual enrollments not reached', id, () => reachEnrollments(group.value, ports));
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
    const records = await ports.devices.read(found.map(({ deviceId }) => deviceId));
    changed += await applyRegistrations(found, records, group, ports);
    for (const { deviceId } of found) waiting.delete(deviceId);
    if (waiting.size === 0) break;
  }
  return changed;
}

async function* registrations(
  group: GroupRecord,
  waiting: ReadonlySet<string>,
  { enrollments, random }: ReconcilePorts,
): AsyncIterable<RegistrationOf[]> {
  if (waiting.size === 0) return;
  if (group.definition.enrollment === 'group') {
    yield* enrollments.groupRegistrations(group.id);
    return;
  }
  const ids = [...waiting];
  const first = Math.floor(random() * ids.length);
  for (const deviceId of [...ids.slice(first), ...ids.slice(0, first)].slice(0, lookUpsPerRun)) {
    const registration = await enrollments.registration(deviceId);
    if (registration !== undefined) yield [{ deviceId, registration }];
  }
}
