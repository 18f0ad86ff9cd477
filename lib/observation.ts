import { asFleetError } from './errors.ts';
import { currentLog } from './log.ts';
import type { Measured } from './storage.ts';

/** What was read, and when. */
export interface Observed<T> {
  readonly value: T;
  /** ISO 8601, UTC. */
  readonly observedAt: string;
}

export interface ObservationOptions {
  /** Named in the log. */
  readonly name: string;
  /** A reading is used again for at least this long. */
  readonly minSeconds: number;
  /** The longest time for which a reading is used again, unless a new one fails. */
  readonly maxSeconds: number;
  /** Request units per second that readings may cost on average: a dear one is used for longer. */
  readonly unitsPerSecond: number;
  readonly now: () => Date;
}

/**
 * Reads something that many callers ask for, seldom enough that its cost stays bounded. Callers that ask at the same time share one
 * reading. If a reading fails, the latest one is given again, with its time, and the failure is logged.
 * @throws the error of the reading, when there is no earlier one
 */
export function createObservation<T>(
  read: () => Promise<Measured<T>>,
  { name, minSeconds, maxSeconds, unitsPerSecond, now }: ObservationOptions,
): () => Promise<Observed<T>> {
  let latest: { readonly observed: Observed<T>; readonly usedUntil: number } | undefined;
  let reading: Promise<Observed<T>> | undefined;

  async function observe(): Promise<Observed<T>> {
    // The time at which reading begins: what changes while it is read may be missing.
    const at = now();
    try {
      const { value, requestUnits } = await read();
      const seconds = Math.min(maxSeconds, Math.max(minSeconds, requestUnits / unitsPerSecond));
      const observed = { value, observedAt: at.toISOString() };
      latest = { observed, usedUntil: at.getTime() + 1000 * seconds };
      return observed;
    } catch (error) {
      if (latest === undefined) throw error;
      const { code, message } = asFleetError(error);
      currentLog().warn('observation is late', { name, code, message, observedAt: latest.observed.observedAt });
      latest = { ...latest, usedUntil: at.getTime() + 1000 * minSeconds };
      return latest.observed;
    }
  }

  return () => {
    if (latest !== undefined && now().getTime() < latest.usedUntil) return Promise.resolve(latest.observed);
    reading ??= observe().finally(() => {
      reading = undefined;
    });
    return reading;
  };
}
