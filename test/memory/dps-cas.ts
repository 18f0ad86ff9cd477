import type { DpsCaList, DpsCaStore } from '../../lib/authorities/dps-cas.ts';

/** The lists of CAs of DPS instances in memory, held to the same contract as the real store. */
export function createMemoryDpsCaStore(): DpsCaStore {
  const lists = new Map<string, DpsCaList>();
  return {
    async read(dps = 'default') {
      return structuredClone(lists.get(dps));
    },
    async keep(list, dps = 'default') {
      const stored = lists.get(dps);
      if (stored === undefined || stored.seenAt < list.seenAt) lists.set(dps, structuredClone(list));
    },
  };
}
