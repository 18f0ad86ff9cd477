const minute = 60_000;

/** Takes or refuses what comes at a time. Times never go back. */
export interface Quota {
  take(at: number): boolean;
}

/** The quota of DPS: at most `limit` in any 60 seconds. What it refuses does not count. */
export function slidingMinute(limit: number): Quota {
  /** The times that were taken last, in a ring: the oldest of them is at `next`. */
  const taken = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY);
  let next = 0;
  return {
    take(at) {
      if ((taken[next] ?? at) > at - minute) return false;
      taken[next] = at;
      next = (next + 1) % limit;
      return true;
    },
  };
}

/** The limit of the EST server: the first `limit` of each minute of the clock (lib/pipeline/renewal-limits.ts). */
export function clockWindow(limit: number, minutes: number): Quota {
  let current = -1;
  let taken = 0;
  return {
    take(at) {
      const now = Math.floor(at / (minutes * minute));
      if (now !== current) taken = 0;
      current = now;
      taken += 1;
      return taken <= limit;
    },
  };
}

export const unlimited: Quota = { take: () => true };
