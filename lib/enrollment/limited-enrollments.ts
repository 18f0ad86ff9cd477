import type { RateLimiter } from '../rate-limiter.ts';
import type { Enrollments } from './enrollments.ts';

/** Calls of a change: a read, a write and a read. */
const change = 3;

/**
 * Enrollments that wait for their part of the quota of DPS before they ask it. Each call counts as the operations that it
 * usually takes; every device of a bulk call counts, since whether DPS counts a bulk call once is not documented.
 * https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits
 */
export function limitedEnrollments(enrollments: Enrollments, rateLimiter: RateLimiter): Enrollments {
  async function after<T>(operations: number, call: () => Promise<T>): Promise<T> {
    await rateLimiter.acquire(operations);
    return call();
  }
  return {
    ensureGroup: (...args) => after(2, () => enrollments.ensureGroup(...args)),
    deleteGroup: (...args) => after(2, () => enrollments.deleteGroup(...args)),
    closeCa: (ca) => after(change, () => enrollments.closeCa(ca)),
    enroll: (devices) => after(devices.length, () => enrollments.enroll(devices)),
    deleteEnrollment: (...args) => after(2, () => enrollments.deleteEnrollment(...args)),
    block: (...args) => after(2, () => enrollments.block(...args)),
    enrollment: (deviceId) => after(1, () => enrollments.enrollment(deviceId)),
    close: (...args) => after(change, () => enrollments.close(...args)),
    closeAll: (doors) => after(change * doors.length, () => enrollments.closeAll(doors)),
    open: (...args) => after(change, () => enrollments.open(...args)),
    async *groupRegistrations(enrollmentGroup) {
      await rateLimiter.acquire(1);
      for await (const page of enrollments.groupRegistrations(enrollmentGroup)) {
        yield page;
        // Of the next page.
        await rateLimiter.acquire(1);
      }
    },
    registration: (deviceId) => after(1, () => enrollments.registration(deviceId)),
    registrationsOf: (deviceId) => after(1, () => enrollments.registrationsOf(deviceId)),
    deleteRegistration: (deviceId) => after(1, () => enrollments.deleteRegistration(deviceId)),
  };
}
