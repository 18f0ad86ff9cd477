import { median, type Run } from '../benchmark.ts';
import { type SubjectOptions, startSubject } from './subject.ts';

export interface Comparison {
  /** Work per second, a figure a round. */
  readonly perSecond: readonly number[];
  /** CPU per piece of work, a figure a round. */
  readonly cpuMicroseconds: readonly number[];
}

/** Slices a subject works for in a round; in between, the others do. */
const slices = 5;
const sliceMilliseconds = 200;
/** Enough for the compiler to be done with loops that run some ten thousand times a second. */
const warmUpMilliseconds = 1000;

/**
 * Measures subjects side by side: in each round all of them in fresh processes, warmed up untimed, then turn about in
 * slices so short that a machine that changes its pace meets all of them. The figure of a round is the median slice.
 */
export async function compare<Name extends string>(
  subjects: Readonly<Record<Name, SubjectOptions>>,
  { rounds, scale, say }: Run,
): Promise<Record<Name, Comparison>> {
  const names = Object.keys(subjects) as Name[];
  const found = Object.fromEntries(
    names.map((name) => [name, { perSecond: [] as number[], cpuMicroseconds: [] as number[] }]),
  ) as Record<Name, { perSecond: number[]; cpuMicroseconds: number[] }>;

  for (let round = 0; round < rounds; round++) {
    const started = [];
    for (const name of names) {
      const subject = await startSubject(subjects[name]);
      await subject.measure(warmUpMilliseconds * scale);
      started.push({ name, subject, seen: [] as { perSecond: number; cpuMicroseconds: number }[] });
    }
    for (let slice = 0; slice < slices; slice++)
      for (const { subject, seen } of started) seen.push(await subject.measure(sliceMilliseconds));
    for (const { name, subject, seen } of started) {
      found[name].perSecond.push(median(seen.map(({ perSecond }) => perSecond)));
      found[name].cpuMicroseconds.push(median(seen.map(({ cpuMicroseconds }) => cpuMicroseconds)));
      await subject.end();
    }
    say(
      `  round ${round + 1}: ${names.map((name) => `${name} ${found[name].perSecond.at(-1)?.toFixed(0)}/s`).join(', ')}`,
    );
  }
  return found;
}
