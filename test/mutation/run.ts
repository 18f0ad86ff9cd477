import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { LogLevel, Mutant, MutantResult, PartialStrykerOptions } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';
import { runCommand, UsageError, wholeNumber } from '../../infra/tools/command-line.ts';
import { createRandom } from '../chaos/random.ts';
import { equivalentMutants, excludedMutations, folders, type MutatedFolder } from './folders.ts';
import { draw, interval, mutantsOf, withOnly } from './sample.ts';

const usage = `Usage: npm run mutate -- [--sample N [--seed N]] [--concurrency N] [PATH...]

Changes the code in many small ways, and runs the tests of its folder on each change. A change that no test notices is a gap
in the tests. Takes minutes for a file and hours for everything; a second run does only what has changed since.

  [PATH...]          folders or files, such as lib/pki or lib/pki/rules.ts (default: every folder)
  --sample N         test only N of the changes, drawn at random from all of them; prints the 95 % interval of the share
  --seed N           number that repeats a sample (default: a random one, which is printed)
  --concurrency N    changes tested at once (default: the number of cores)
  -h, --help         show this text

Writes .mutation/<folder>.html, except for a sample.

Exit codes: 0 each folder has its share, or the sample has, 1 one has not, 2 invalid command line.

Examples:
  npm run mutate -- lib/pki/rules.ts
  npm run mutate -- --sample 120 --seed 7`;

const options = {
  sample: { type: 'string' },
  seed: { type: 'string' },
  concurrency: { type: 'string' },
} as const;

await runCommand({ usage, operands: ['[PATH...]'], options }, async ({ operands, values }) => {
  const { sample, seed, concurrency } = values;
  const atOnce = concurrency === undefined ? availableParallelism() : wholeNumber('concurrency', concurrency, 1);
  if (seed !== undefined && sample === undefined) throw new UsageError('--seed repeats a sample. Add --sample N.');
  const size = sample === undefined ? undefined : wholeNumber('sample', sample, 1);
  const drawing = seed === undefined ? Math.floor(Math.random() * 1e9) : wholeNumber('seed', seed);
  const parts = chosen(operands);
  const isGood = size === undefined ? await mutateAll(parts, atOnce) : await mutateSome(parts, size, drawing, atOnce);
  return isGood ? 0 : 1;
});

/** What is mutated of each folder, as patterns. */
type Parts = ReadonlyMap<MutatedFolder, readonly string[]>;

/** @returns whether each folder has its share */
async function mutateAll(parts: Parts, concurrency: number): Promise<boolean> {
  let isGood = true;
  for (const [folder, mutate] of parts) {
    const name = folder.path.replaceAll(/[^a-z]+/g, '-').replace(/-$/, '');
    const results = await run(folder, {
      mutate: [...mutate],
      incremental: true,
      incrementalFile: `.mutation/${name}.json`,
      reporters: ['progress-append-only', 'html'],
      htmlReporter: { fileName: `.mutation/${name}.html` },
      concurrency,
    });
    const { noticed, total } = count(results);
    const share = total === 0 ? 100 : (100 * noticed) / total;
    isGood &&= share >= folder.least;
    const verdict = share >= folder.least ? '' : `, and ${folder.least} % have to be`;
    console.log(`${folder.path}: ${noticed} of ${total} mutants are noticed, ${share.toFixed(1)} %${verdict}`);
  }
  return isGood;
}

/** @returns whether the sample has the share that its folders have to have */
async function mutateSome(parts: Parts, size: number, seed: number, concurrency: number): Promise<boolean> {
  const all: { folder: MutatedFolder; mutant: Mutant }[] = [];
  for (const [folder, patterns] of parts)
    for (const mutant of await mutantsOf(await filesThatMatch(patterns))) all.push({ folder, mutant });
  const drawn = draw(all, size, createRandom(seed));
  console.log(`${drawn.length} of ${all.length} mutants are drawn, with seed ${seed}.`);

  const sum = { noticed: 0, total: 0, least: 0 };
  for (const [folder, these] of Map.groupBy(drawn, (each) => each.folder)) {
    const mutants = these.map(({ mutant }) => mutant);
    const mutate = [...new Set(mutants.map(({ fileName }) => relative('', fileName)))];
    const results = await withOnly(mutants, () =>
      run(folder, { mutate, reporters: ['progress-append-only'], concurrency }),
    );
    if (results.length !== mutants.length)
      throw new Error(`${mutants.length} mutants of ${folder.path} were drawn, and Stryker tested ${results.length}.`);
    const { noticed, total } = count(results);
    console.log(`${folder.path}: ${noticed} of ${total} mutants are noticed`);
    sum.noticed += noticed;
    sum.total += total;
    sum.least += (total * folder.least) / 100;
  }
  const share = sum.total === 0 ? 100 : (100 * sum.noticed) / sum.total;
  const [low, high] = interval(sum.noticed, sum.total).map((bound) => bound.toFixed(1));
  console.log(
    `Sample with seed ${seed}: ${sum.noticed} of ${sum.total} mutants are noticed, ${share.toFixed(1)} % (95 % interval ${low} to ${high})`,
  );
  return sum.noticed >= sum.least;
}

/** The folders that are meant, with the files in them. @throws UsageError for a path that is in none */
function chosen(paths: readonly string[]): Parts {
  const found = new Map<MutatedFolder, readonly string[]>();
  const add = (folder: MutatedFolder, path: string) =>
    found.set(folder, [...(found.get(folder) ?? []), ...filesOf(path)]);
  for (const path of paths.length === 0 ? folders.map((each) => each.path) : paths.map((each) => relative('', each))) {
    const inside = folders.filter((each) => `${each.path}/`.startsWith(`${path}/`));
    for (const folder of inside) add(folder, folder.path);
    if (inside.length > 0) continue;
    const around =
      folders.find((each) => path.startsWith(`${each.path}/`)) ??
      folders.find((each) => each.path === join(dirname(path), '*.ts') && path.endsWith('.ts'));
    if (around === undefined) throw new UsageError(`"${path}" is in no folder of test/mutation/folders.ts.`);
    add(around, path);
  }
  return found;
}

function filesOf(path: string): string[] {
  return [path.endsWith('.ts') ? path : `${path}/**/*.ts`];
}

/** The files, sorted. What is built is no code of ours. */
async function filesThatMatch(patterns: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  for await (const file of glob([...patterns])) if (!/(^|\/)dist\//.test(file)) files.add(file);
  return [...files].sort();
}

function testFiles({ tests }: MutatedFolder): Promise<string[]> {
  return filesThatMatch(tests.map((path) => (path.endsWith('.ts') ? path : `${path}/**/*.test.ts`)));
}

/** Runs the tests of the folder on its mutants. */
async function run(folder: MutatedFolder, more: PartialStrykerOptions): Promise<readonly MutantResult[]> {
  const nodeArgs = ['--test-reporter=tap', '--import=./test/mutation/coverage-of-children.ts'];
  const stryker = new Stryker({
    testRunner: 'tap',
    tap: { testFiles: await testFiles(folder), nodeArgs, forceBail: true },
    plugins: ['@stryker-mutator/tap-runner'],
    coverageAnalysis: 'perTest',
    mutator: { excludedMutations: [...excludedMutations] },
    // Node strips types and does not check them.
    disableTypeChecks: false,
    // Node strips no types in node_modules.
    tempDirName: '.mutation/sandbox',
    ignorePatterns: ['/dist', '/infra/emulators/dist', '/.local', '/.mutation'],
    buildCommand: 'node test/mutation/copy-of-project.ts',
    symlinkNodeModules: false,
    logLevel: 'warn' as LogLevel,
    ...more,
  });
  return stryker.runMutationTest();
}

/** Prints which mutants survived, and counts those that a test can notice. */
function count(results: readonly MutantResult[]): { noticed: number; total: number } {
  const counted = results.filter(({ status }) => status !== 'Ignored' && status !== 'CompileError');
  const left = counted.filter(({ status }) => status === 'Survived' || status === 'NoCoverage');
  const survivors = left.filter((mutant) => !isEquivalent(mutant));
  for (const mutant of survivors) {
    const { fileName, location, status, replacement } = mutant;
    const { line, column } = location.start;
    const what = status === 'NoCoverage' ? 'no test runs' : 'no test notices';
    console.log(`${relative('', fileName)}:${line}:${column}  ${what}: ${lineOf(mutant)}`);
    console.log(`    ${replacement}`);
  }
  const total = counted.length - (left.length - survivors.length);
  return { noticed: total - survivors.length, total };
}

function isEquivalent(mutant: MutantResult): boolean {
  const file = relative('', mutant.fileName);
  const line = lineOf(mutant);
  return equivalentMutants.some(
    (each) => each.file === file && each.line === line && each.replacement === mutant.replacement,
  );
}

/** The line of the code where the mutant begins, trimmed. */
function lineOf({ fileName, location }: MutantResult): string {
  const lines = readFileSync(fileName, 'utf8').split('\n');
  return lines[location.start.line - 1]?.trim() ?? '';
}
