import type { Registration } from '../devices/device.ts';
import { FleetError, orFleetError } from '../errors.ts';
import { defaultDps, dpsOf } from '../groups/dps-instance.ts';
import type { DpsPlaces } from './dps-places.ts';
import type { Deletion, Enrollments, FoundEntry } from './enrollments.ts';

/**
 * The enrollments of a deployment with several DPS instances, as one. A group is in one instance. A device can be known to
 * several: that of its group, and those of groups that it was in before. What lets a device in is written to the instance of its
 * group. What keeps it out, or removes it, is done in every instance that may know it.
 *
 * An instance that does not answer does not keep the others from being asked; its error is thrown when they are done.
 * @param instances by name; one of them is `default`
 */
export function enrollmentsByInstance(instances: ReadonlyMap<string, Enrollments>, places: DpsPlaces): Enrollments {
  /** @throws FleetError `setting-invalid` */
  function at(name: string): Enrollments {
    const found = instances.get(name);
    if (found === undefined) throw unknownInstance(name, instances.keys());
    return found;
  }

  async function ofGroup(id: string): Promise<Enrollments> {
    return at((await places.ofGroup(id)) ?? defaultDps);
  }

  /** Calls every instance that may know the device, that of its group first. */
  async function everywhere<T>(deviceId: string, call: (enrollments: Enrollments) => Promise<T>): Promise<T[]> {
    const names = (await places.ofDevices([deviceId])).get(deviceId) ?? [...instances.keys()];
    return allOf(names.map((name) => () => call(at(name))));
  }

  return {
    ensureGroup: async (group, mayWrite) => at(dpsOf(group.definition)).ensureGroup(group, mayWrite),

    async deleteGroup(id, isOwn) {
      const name = await places.ofGroup(id);
      if (name !== undefined) return at(name).deleteGroup(id, isOwn);
      // One that blocks a CA: no record has its id.
      return worst(await allOf([...instances.values()].map((each) => () => each.deleteGroup(id, isOwn))));
    },

    closeCa: async (ca) => (await ofGroup(ca.enrollmentGroup)).closeCa(ca),

    async enroll(devices) {
      const parts = [...Map.groupBy(devices.keys(), (index) => dpsOf(devices[index]?.definition ?? {}))];
      const answers = await allOf(
        parts.map(([name, indexes]) => async () => {
          const own = indexes.flatMap((index) => devices[index] ?? []);
          return (await at(name).enroll(own)).map((answer, place) => ({ answer, index: indexes[place] }));
        }),
      );
      const byIndex = new Map(answers.flat().map(({ index, answer }) => [index, answer]));
      return devices.map((_, index) => byIndex.get(index));
    },

    async deleteEnrollment(deviceId, isOwn) {
      return worst(await everywhere(deviceId, (each) => each.deleteEnrollment(deviceId, isOwn)));
    },

    async block(deviceId, mark) {
      const inTheWay = await everywhere(deviceId, (each) => each.block(deviceId, mark));
      return inTheWay.find((found) => found !== undefined);
    },

    async enrollment(deviceId) {
      return mostOpen(await everywhere(deviceId, (each) => each.enrollment(deviceId)));
    },

    async close(deviceId, mark, change) {
      return mostOpen(await everywhere(deviceId, (each) => each.close(deviceId, mark, change)));
    },

    async closeAll(doors) {
      const known = await places.ofDevices(doors.map(({ deviceId }) => deviceId));
      const namesOf = (deviceId: string) => known.get(deviceId) ?? [...instances.keys()];
      const names = new Set(doors.flatMap(({ deviceId }) => namesOf(deviceId)));
      const seen = new Map<string, (FoundEntry | undefined | FleetError)[]>(doors.map((door) => [door.deviceId, []]));
      await Promise.all(
        [...names].map(async (name) => {
          const own = doors.filter(({ deviceId }) => namesOf(deviceId).includes(name));
          // An instance that fails is the error of its devices, and of no others.
          const found = await orFleetError(async () => at(name).closeAll(own));
          own.forEach(({ deviceId }, index) => {
            seen.get(deviceId)?.push(found instanceof FleetError ? found : found[index]);
          });
        }),
      );
      const ended = doors.map(({ deviceId }) => {
        const all = seen.get(deviceId) ?? [];
        const failure = all.find((each) => each instanceof FleetError);
        return failure ?? mostOpen(all as readonly (FoundEntry | undefined)[]);
      });
      const [first] = ended;
      if (first instanceof FleetError && ended.every((each) => each instanceof FleetError)) throw first;
      return ended;
    },

    async open(deviceId, status, change) {
      const entries = await everywhere(deviceId, (each) => each.open(deviceId, status, change));
      return entries.find((found) => found !== undefined);
    },

    async *groupRegistrations(enrollmentGroup) {
      yield* (await ofGroup(enrollmentGroup)).groupRegistrations(enrollmentGroup);
    },

    async registration(deviceId) {
      const [name] = (await places.ofDevices([deviceId])).get(deviceId) ?? [];
      if (name !== undefined) return at(name).registration(deviceId);
      // A device that we have no record of.
      const [found] = (await everywhere(deviceId, (each) => each.registrationsOf(deviceId))).flat();
      return found;
    },

    async registrationsOf(deviceId): Promise<readonly Registration[]> {
      return (await everywhere(deviceId, (each) => each.registrationsOf(deviceId))).flat();
    },

    async deleteRegistration(deviceId) {
      await everywhere(deviceId, (each) => each.deleteRegistration(deviceId));
    },
  };
}

/** The error of a name that no instance of the deployment has. */
export function unknownInstance(name: string, known: Iterable<string>): FleetError {
  const all = [...known].map((each) => JSON.stringify(each)).join(', ');
  const message = `This deployment has no DPS instance ${JSON.stringify(name)}. It has ${all}. Add it to DPS_INSTANCES.`;
  return new FleetError('setting-invalid', message, { column: 'dps', value: name });
}

/** What several instances deleted, as one answer: one that was left is told first. */
function worst(deletions: readonly Deletion[]): Deletion {
  const order: readonly Deletion[] = ['other', 'deleted', 'absent'];
  return order.find((each) => deletions.includes(each)) ?? 'absent';
}

/** A device is kept out when each of its instances has a disabled entry. */
function mostOpen(found: readonly (FoundEntry | undefined)[]): FoundEntry | undefined {
  if (found.includes(undefined)) return undefined;
  return found.find((each) => each?.disabled !== true) ?? found[0];
}

/** Does all of the work at once. @throws the first error, when all of it has ended */
async function allOf<T>(work: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results = await Promise.allSettled(work.map(async (each) => each()));
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
