/** Spreads operations over time, so that a service with a quota per minute is never asked for more. */
export interface RateLimiter {
  /** Waits until `operations` more may be sent. */
  acquire(operations: number): Promise<void>;
}

export interface RateLimiterOptions {
  readonly perMinute: number;
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/**
 * A rate limiter that spaces operations evenly. Bursts would break the quota: one at the end of a minute and one at the
 * start of the next are within the same 60 seconds.
 */
export function createRateLimiter({ perMinute, now, sleep }: RateLimiterOptions): RateLimiter {
  const millisecondsPerOperation = 60_000 / perMinute;
  let nextStart = 0;
  return {
    async acquire(operations) {
      const current = now().getTime();
      const start = Math.max(current, nextStart);
      nextStart = start + operations * millisecondsPerOperation;
      if (start > current) await sleep(start - current);
    },
  };
}

/** @returns a rate limiter per name, such as the name of a hub, each with its own quota */
export function createRateLimiters(options: RateLimiterOptions): (name: string) => RateLimiter {
  const limiters = new Map<string, RateLimiter>();
  return (name) => {
    const limiter = limiters.get(name) ?? createRateLimiter(options);
    limiters.set(name, limiter);
    return limiter;
  };
}
