import { setImmediate } from 'node:timers/promises';

/**
 * How long work that never waits may keep the process to itself. Requests that arrive meanwhile wait as long: it is
 * small beside the round trip of most of them, and large beside a turn, which costs some microseconds.
 */
const longestTurnMilliseconds = 5;

let began = performance.now();
let pause: Promise<void> | undefined;

/**
 * To be awaited between pieces of work that would else run one after another without end, such as signatures by a key in
 * this process. Whoever works shares one turn, so that several of them do not take ten times as long as one may.
 * @returns nothing where the turn is not over yet
 */
export function yieldToEventLoop(): Promise<void> | undefined {
  if (pause === undefined && performance.now() - began > longestTurnMilliseconds) {
    pause = setImmediate().then(() => {
      began = performance.now();
      pause = undefined;
    });
  }
  return pause;
}
