/** A bound that a figure has to keep; a bar that is missed is printed as missed, and stays where it is. */
export type Bar = { readonly atLeast: number } | { readonly atMost: number };

/** One figure: the median of its rounds. */
export interface Measurement {
  /** What was measured, such as `of the limit`. */
  readonly name: string;
  readonly value: number;
  /** `ratio`, `certificates/s`, `MiB` and the like. */
  readonly unit: string;
  /** The value of each round, where there were rounds. */
  readonly rounds?: readonly number[];
  readonly bar?: Bar;
  /** Whether the bar is kept; absent where there is none. */
  readonly met?: boolean;
}

/** Where the time went, by the sampling profiler: the share of samples of each place, largest first. */
export interface Profile {
  readonly of: string;
  readonly shares: readonly { readonly place: string; readonly percent: number }[];
}

export interface Findings {
  readonly measurements: readonly Measurement[];
  /** Where a bar was missed: what keeps it from being reached, as far as figures show it. */
  readonly bound?: string;
  readonly profile?: Profile;
}

/** What a benchmark is run with. */
export interface Run {
  /** How often everything is measured; the figures are medians. */
  readonly rounds: number;
  /** 1, or less to try a benchmark out: what it works on is that much smaller. */
  readonly scale: number;
  /** Progress, for people. */
  say(text: string): void;
}

export interface Benchmark {
  /** As `--only` takes it. */
  readonly name: string;
  /** What is measured, and against what; a sentence or two of docs/performance.md. */
  readonly what: string;
  run(run: Run): Promise<Findings>;
}

/** A figure of several rounds. */
export function measured(name: string, unit: string, rounds: readonly number[], bar?: Bar): Measurement {
  return { ...single(name, unit, median(rounds), bar), rounds };
}

/** A figure that was counted once. */
export function single(name: string, unit: string, value: number, bar?: Bar): Measurement {
  if (bar === undefined) return { name, value, unit };
  return { name, value, unit, bar, met: 'atLeast' in bar ? value >= bar.atLeast : value <= bar.atMost };
}

/** In-round ratios, so that what else the machine does in a round meets both sides. */
export function ratios(of: readonly number[], to: readonly number[]): number[] {
  return of.map((value, round) => value / (to[round] ?? Number.NaN));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
