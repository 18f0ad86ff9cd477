import { median, type Run } from '../benchmark.ts';
import { type SubjectOptions, startSubject } from './subject.ts';

export interface Comparison {
  /** Work per second, one value per round. */
  readonly perSecond: readonly number[];
  /** CPU time per piece of work, one value per round. */
  readonly cpuMicroseconds: readonly number[];
}

/** Slices per subject and round. Between two slices the other subjects run. */
const slices = 5;
const sliceMilliseconds = 200;
/** Enough for V8 to compile loops that run about ten thousand times per second. */
const warmUpMilliseconds = 1000;

/**
 * Measures subjects side by side. In each round all run in new processes, warm up untimed, and then take turns in slices so
 * short that a change in the machine's speed affects all of them. The value of a round is its median slice.
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
