import { FleetError } from './errors.ts';

export interface RetryOptions {
  /** Give up rather than wait for longer than this in total, in seconds. */
  readonly maxWaitSeconds: number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** With it, the time of the attempts counts as waiting: a service that does not answer holds each one until its timeout. */
  readonly now?: () => Date;
}

/** The longest wait after a failure that names none, in seconds. */
const maxBackoffSeconds = 30;

/**
 * Repeats work that fails with a FleetError whose `retry` is true. Waits as long as the service asked for (`retryAfter`),
 * else 1, 2, 4 ... up to 30 seconds. The bound is the total wait and not the number of attempts.
 * @throws the last error, when waiting again would exceed the bound; any other error at once
 */
export async function retrying<T>(work: () => Promise<T>, { maxWaitSeconds, sleep, now }: RetryOptions): Promise<T> {
  let waitedSeconds = 0;
  for (let attempt = 1; ; attempt++) {
    const begun = now?.().getTime() ?? 0;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof FleetError) || !error.retry) throw error;
      const seconds = error.details.retryAfter ?? Math.min(2 ** (attempt - 1), maxBackoffSeconds);
      const attemptSeconds = ((now?.().getTime() ?? 0) - begun) / 1000;
      waitedSeconds += attemptSeconds + seconds;
      if (waitedSeconds > maxWaitSeconds) throw error;
      await sleep(seconds * 1000);
    }
  }
}
