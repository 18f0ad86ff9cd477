/** Admits a limited number of events per time window and key. */
export interface RateLimiter {
  /**
   * @param events number of events that are admitted together as soon as there is room for one of them. Default: 1
   * @returns 0 if they are admitted, otherwise the seconds until the next one will be
   */
  acquire(key?: string, events?: number): number;
}

export interface RateLimiterOptions {
  readonly limit: number;
  readonly windowMs: number;
  readonly now: () => Date;
}

/** A sliding window: `limit` events in any `windowMs` per key, and more only in the call that reaches it. Keys without events in the last window are removed. */
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
    acquire(key = '', events = 1) {
      const time = now().getTime();
      sweep(time);
      const times = admitted.get(key) ?? [];
      const firstInside = times.findIndex((entry) => entry > time - windowMs);
      times.splice(0, firstInside < 0 ? times.length : firstInside);
      if (times.length >= limit) {
        const nextToLeave = times[times.length - limit] ?? time;
        return Math.max(1, Math.ceil((nextToLeave + windowMs - time) / 1000));
      }
      for (let event = 0; event < events; event++) times.push(time);
      admitted.set(key, times);
      return 0;
    },
  };
}
