import pRetry from 'p-retry';
import { FleetError } from './errors.ts';

export interface RetryOptions {
  /** Give up when the waiting so far and the wait asked for come to more than this. */
  readonly maxWaitSeconds: number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Told before each wait, for the log. */
  readonly onWait?: (error: FleetError, seconds: number) => void;
}

/**
 * Repeats what fails for a passing reason (FleetError with `retry`), waiting as long as the service asked for
 * (Retry-After), else 1, 2, 4 ... up to 30 s. Anything else, and the last failure, is thrown as it is.
 */
export function retrying<T>(work: () => Promise<T>, { maxWaitSeconds, sleep, onWait }: RetryOptions): Promise<T> {
  let waited = 0;
  return pRetry(work, {
    // The bound is the time waited, not the number of tries; p-retry itself does not wait.
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 0,
    maxTimeout: 0,
    async shouldRetry({ error, attemptNumber }) {
      if (!(error instanceof FleetError) || !error.retry) return false;
      const seconds = error.details.retryAfter ?? Math.min(2 ** (attemptNumber - 1), 30);
      if (waited + seconds > maxWaitSeconds) return false;
      waited += seconds;
      onWait?.(error, seconds);
      await sleep(seconds * 1000);
      return true;
    },
  });
}
