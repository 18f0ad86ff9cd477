/** Spreads operations over time, so that a service with a quota a minute is never asked for more. */
export interface RateLimiter {
  /** Waits until `operations` more may be sent. */
  acquire(operations: number): Promise<void>;
}

export interface RateLimiterOptions {
  readonly perMinute: number;
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** Even spacing rather than bursts: a burst at the end of one minute and the start of the next would break the quota. */
export function createRateLimiter({ perMinute, now, sleep }: RateLimiterOptions): RateLimiter {
  const millisecondsEach = 60_000 / perMinute;
  let free = 0;
  return {
    async acquire(operations) {
      const at = now().getTime();
      const start = Math.max(at, free);
      free = start + operations * millisecondsEach;
      if (start > at) await sleep(start - at);
    },
  };
}
