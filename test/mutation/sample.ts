import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { Mutant } from '@stryker-mutator/api/core';
import { Instrumenter } from '@stryker-mutator/instrumenter';
import type { Random } from '../chaos/random.ts';
import { excludedMutations } from './folders.ts';

/*
 * A sample of the mutants. All mutants of a folder take hours; a hundred that are drawn at random tell the share of all within a few
 * percent.
 */

const no = () => false;
const nothing = () => {};
const levels = { isTraceEnabled: no, isDebugEnabled: no, isInfoEnabled: no, isWarnEnabled: no };
const silent = { ...levels, isErrorEnabled: no, isFatalEnabled: no, trace: nothing, debug: nothing, info: nothing };
const logger = { ...silent, warn: nothing, error: nothing, fatal: nothing };

/** The mutants that Stryker makes of these files, in the order of the files. */
export async function mutantsOf(files: readonly string[]): Promise<readonly Mutant[]> {
  const texts = await Promise.all(
    files.map(async (file) => ({ name: resolve(file), content: await readFile(file, 'utf8'), mutate: true })),
  );
  const options = { plugins: null, ignorers: [], excludedMutations: [...excludedMutations] };
  const { mutants } = await new Instrumenter(logger).instrument(texts, options);
  return mutants.filter(({ status }) => status !== 'Ignored');
}

/** Draws at random, each item at most once and each with the same chance. @returns all items if `size` is more than there are */
export function draw<T>(items: readonly T[], size: number, random: Random): T[] {
  const left = [...items];
  return Array.from({ length: Math.min(size, left.length) }, () =>
    left.splice(random.between(0, left.length - 1), 1),
  ).flat();
}

/**
 * Stryker tests no other mutants than these during `work`. A range in its option `mutate` is no choice of a mutant: the range of
 * a function has all mutants of its statements too.
 */
export async function withOnly<T>(drawn: readonly Mutant[], work: () => Promise<T>): Promise<T> {
  const keys = new Set(drawn.map(keyOf));
  const { instrument } = Instrumenter.prototype;
  Instrumenter.prototype.instrument = async function (...given) {
    const { files, mutants } = await instrument.apply(this, given);
    return { files, mutants: mutants.filter((mutant) => keys.has(keyOf(mutant))) };
  };
  try {
    return await work();
  } finally {
    Instrumenter.prototype.instrument = instrument;
  }
}

const keyOf = ({ fileName, location, mutatorName, replacement }: Mutant) =>
  JSON.stringify([relative('', fileName), location, mutatorName, replacement]);

/**
 * The 95 % interval of a share, in percent, of which a sample is known (Wilson 1927). Unlike the normal approximation it fits
 * shares near 100 % too.
 */
export function interval(noticed: number, total: number): readonly [low: number, high: number] {
  if (total === 0) return [0, 100];
  // The normal distribution has 95 % within this many standard deviations.
  const z = 1.96;
  const share = noticed / total;
  const middle = share + z ** 2 / (2 * total);
  const width = z * Math.sqrt((share * (1 - share)) / total + z ** 2 / (4 * total ** 2));
  const percent = (value: number) => Math.min(100, Math.max(0, (100 * value) / (1 + z ** 2 / total)));
  return [percent(middle - width), percent(middle + width)];
}
