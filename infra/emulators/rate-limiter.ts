/** Admits `limit` events in any `windowMs`, per key. */
export interface RateLimiter {
  /** 0 when admitted; otherwise the whole seconds after which the next one will be. */
  acquire(key?: string): number;
}

export interface RateLimiterOptions {
  readonly limit: number;
  readonly windowMs: number;
  readonly now: () => Date;
}

/** A sliding window. Keys that have gone quiet are forgotten, so memory follows the traffic of one window. */
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
