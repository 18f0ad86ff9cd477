/** Admits a limited number of events per time window and key. */
export interface RateLimiter {
  /** @returns 0 if the event is admitted, otherwise the seconds until the next one will be */
  acquire(key?: string): number;
}

export interface RateLimiterOptions {
  readonly limit: number;
  readonly windowMs: number;
  readonly now: () => Date;
}

/** A sliding window: at most `limit` events in any `windowMs` per key. Keys without events in the last window are removed. */
export function createRateLimiter({ limit, windowMs, now }: RateLimiterOptions): RateLimiter {
  const admitted = new Map<string, number[]>();
  let lastSweep = 0;

  function sweep(time: number): void {
    if (time - lastSweep < windowMs) return;
    lastSweep = time;
    for (const [key, times] of admitted) {
      if ((times.at(-1) ?? 0) <= time - windowMs) admitted.delete(key);
    }
  }

  return {
    acquire(key = '') {
      const time = now().getTime();
      sweep(time);
      const times = admitted.get(key) ?? [];
      const firstInside = times.findIndex((entry) => entry > time - windowMs);
      times.splice(0, firstInside < 0 ? times.length : firstInside);
      if (times.length >= limit) {
        const oldest = times[0] ?? time;
        return Math.max(1, Math.ceil((oldest + windowMs - time) / 1000));
      }
      times.push(time);
      admitted.set(key, times);
      return 0;
    },
  };
}
