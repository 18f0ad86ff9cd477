import { scheduler } from 'node:timers/promises';

/**
 * Milliseconds that work may keep the event loop to itself. Requests that arrive meanwhile wait as long. It is short beside
 * the round trip of most requests, and long beside the yield itself, which takes some microseconds.
 */
const budgetMs = 5;

/**
 * @returns a function to await between pieces of CPU-bound work, such as signatures by a key in this process. It yields to
 * the event loop once the budget is used up, and returns undefined before that. All callers share one budget: with one
 * each, several concurrent callers would hold the event loop for the sum of their budgets.
 * @example
 * for (const row of rows) {
 *   await yieldToEventLoop();
 *   sign(row);
 * }
 */
export function createYield(): () => Promise<void> | undefined {
  let startedAt = performance.now();
  let pause: Promise<void> | undefined;
  return () => {
    if (pause === undefined && performance.now() - startedAt > budgetMs) {
      pause = scheduler.yield().then(() => {
        startedAt = performance.now();
        pause = undefined;
      });
    }
    return pause;
  };
}

/** The budget of this process, which has one event loop. */
export const yieldToEventLoop = createYield();
