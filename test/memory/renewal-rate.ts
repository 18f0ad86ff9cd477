import type { RenewalRate } from '../../lib/devices/renewal-rate.ts';

export function createMemoryRenewalRate(): RenewalRate {
  const counters = new Map<string, number>();
  return {
    async count(enrollmentGroup, window) {
      const key = `${enrollmentGroup} ${window}`;
      const count = (counters.get(key) ?? 0) + 1;
      counters.set(key, count);
      return count;
    },
  };
}
