/** Reproducible random numbers: the same seed gives the same numbers. */
export interface Random {
  /** 0 to 1, exclusive. */
  next(): number;
  /** A whole number, `from` and `to` included. */
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<const T>(items: readonly [T, ...T[]]): T;
  /** An independent stream, so that one part does not depend on how often another draws. */
  fork(name: string): Random;
}

/** mulberry32 (Tommy Ettinger, public domain). 32 bits of state suffice to choose faults. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  return {
    next,
    between: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (probability) => next() < probability,
    pick: (items) => items[Math.floor(next() * items.length)] ?? items[0],
    fork: (name) => createRandom(Buffer.from(name).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), seed)),
  };
}
