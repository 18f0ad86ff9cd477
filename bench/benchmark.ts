/** The value that a measurement must reach. A missed bar is reported as missed; it is not lowered. */
export type Bar = { readonly atLeast: number } | { readonly atMost: number };

/** One measured value: the median of its rounds. */
export interface Measurement {
  /** What was measured, such as `of the limit`. */
  readonly name: string;
  readonly value: number;
  /** `ratio`, `certificates/s`, `MiB` and the like. */
  readonly unit: string;
  /** The value of each round; absent for a value that was counted once. */
  readonly rounds?: readonly number[];
  readonly bar?: Bar;
  /** Whether the bar is reached; absent if there is none. */
  readonly met?: boolean;
}

/** Where the time is spent, by the sampling profiler: the share of samples per function, largest first. */
export interface Profile {
  readonly of: string;
  readonly shares: readonly { readonly place: string; readonly percent: number }[];
}

export interface Findings {
  readonly measurements: readonly Measurement[];
  /** Why a bar was missed, as far as measurements show it. */
  readonly bound?: string;
  readonly profile?: Profile;
}

/** Options of a run. */
export interface Run {
  /** How often everything is measured. Values are medians of the rounds. */
  readonly rounds: number;
  /** Size of the work: 1, or less for a trial. */
  readonly scale: number;
  /** Progress, for people. */
  say(text: string): void;
}

export interface Benchmark {
  /** The name that `--only` takes. */
  readonly name: string;
  /** The measurement and its comparison, in a sentence or two for docs/performance.md. */
  readonly what: string;
  /** @returns why this machine cannot run it; undefined if it can */
  skip?(): Promise<string | undefined>;
  run(run: Run): Promise<Findings>;
}

/** A measurement with several rounds. */
export function measured(name: string, unit: string, rounds: readonly number[], bar?: Bar): Measurement {
  return { ...single(name, unit, median(rounds), bar), rounds };
}

/** A measurement that was counted once. */
export function single(name: string, unit: string, value: number, bar?: Bar): Measurement {
  if (bar === undefined) return { name, value, unit };
  return { name, value, unit, bar, met: 'atLeast' in bar ? value >= bar.atLeast : value <= bar.atMost };
}

/** The ratio of each round, so that other load of the machine affects both sides. */
export function ratios(of: readonly number[], to: readonly number[]): number[] {
  return of.map((value, round) => value / (to[round] ?? Number.NaN));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
