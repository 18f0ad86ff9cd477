import type {
  Enrollments,
  GroupEnrollment,
  IndividualEnrollment,
  RegistrationOf,
} from '../../lib/enrollment/enrollments.ts';

/** DPS in memory: groups and enrollments as they were sent, and registrations that a test adds. */
export function createMemoryEnrollments() {
  const groups = new Map<string, GroupEnrollment>();
  const individuals = new Map<string, IndividualEnrollment>();
  const registrations = new Map<string, RegistrationOf[]>();
  const calls = { ensureGroup: 0, enroll: 0 };
  const enrollments: Enrollments = {
    async ensureGroup(group) {
      calls.ensureGroup += 1;
      groups.set(group.definition.id, group);
    },
    async enroll(devices) {
      calls.enroll += 1;
      for (const device of devices) individuals.set(device.deviceId, device);
      return devices.map(() => undefined);
    },
    async *groupRegistrations(enrollmentGroup) {
      const all = registrations.get(enrollmentGroup) ?? [];
      for (let from = 0; from < all.length; from += 100) yield all.slice(from, from + 100);
    },
    async registration(deviceId) {
      return [...registrations.values()].flat().find((entry) => entry.deviceId === deviceId)?.registration;
    },
  };
  return { ...enrollments, groups, individuals, registrations, calls };
}
