import type { DpsCaList, DpsCaStore } from '../../lib/authorities/dps-cas.ts';

/** The list of CAs of DPS in memory, held to the same contract as the real store. */
export function createMemoryDpsCaStore(): DpsCaStore {
  let stored: DpsCaList | undefined;
  return {
    async read() {
      return structuredClone(stored);
    },
    async keep(list) {
      if (stored === undefined || stored.seenAt < list.seenAt) stored = structuredClone(list);
    },
  };
}
