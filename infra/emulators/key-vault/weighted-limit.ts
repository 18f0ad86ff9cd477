/** Admits events of different weights: together they must not exceed the whole. */
export interface WeightedLimit {
  /**
   * @param perWindow as many events of this kind alone fill the window
   * @returns 0 if the event is admitted, otherwise the seconds until it would be
   */
  acquire(perWindow: number): number;
}

export interface WeightedLimitOptions {
  readonly windowMs: number;
  readonly now: () => Date;
}

/** Sums of fractions are not exact. */
const tolerance = 1e-9;

/** A sliding window: within any `windowMs`, the shares of all admitted events are at most 1. An event takes 1 / `perWindow`. */
export function createWeightedLimit({ windowMs, now }: WeightedLimitOptions): WeightedLimit {
  const admitted: { readonly time: number; readonly share: number }[] = [];
  let used = 0;

  function forget(until: number): void {
    const firstInside = admitted.findIndex(({ time }) => time > until);
    const gone = admitted.splice(0, firstInside < 0 ? admitted.length : firstInside);
    used = admitted.length === 0 ? 0 : gone.reduce((sum, { share }) => sum - share, used);
  }

  return {
    acquire(perWindow) {
      const time = now().getTime();
      forget(time - windowMs);
      const share = 1 / perWindow;
      if (used + share <= 1 + tolerance) {
        admitted.push({ time, share });
        used += share;
        return 0;
      }
      let excess = used + share - 1;
      const freeing = admitted.find((event) => {
        excess -= event.share;
        return excess <= tolerance;
      });
      return Math.max(1, Math.ceil(((freeing?.time ?? time) + windowMs - time) / 1000));
    },
  };
}
