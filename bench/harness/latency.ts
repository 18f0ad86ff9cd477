import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchStack } from './bench-stack.ts';

/** Milliseconds between an answer and the next request of a client that watches. */
const pauseMs = 100;

/** @returns the value below which this share of the values is, from 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

/**
 * Asks one thing after another, as a person or a script that watches does, until `work` has ended.
 * @param paths below `/api/`, of things that exist; asked in turns
 * @returns milliseconds of each answer
 */
export async function watch(
  { stack }: BenchStack,
  paths: readonly string[],
  work: Promise<unknown>,
): Promise<readonly number[]> {
  let ended = false;
  const end = () => {
    ended = true;
  };
  work.then(end, end);
  const headers = { 'x-functions-key': stack.functionsKey };
  const times: number[] = [];
  for (let turn = 0; !ended; turn++) {
    const path = paths[turn % paths.length];
    const began = performance.now();
    const answer = await fetch(`${stack.urls.functions}/api/${path}`, { headers });
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`GET /api/${path} answered ${answer.status}`);
    times.push(performance.now() - began);
    await sleep(pauseMs);
  }
  return times;
}
