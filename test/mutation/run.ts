import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import type { LogLevel, MutantResult } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';
import { runCommand, UsageError, wholeNumber } from '../../infra/tools/command-line.ts';
import { equivalentMutants, folders, type MutatedFolder } from './folders.ts';

const usage = `Usage: npm run mutate -- [--concurrency N] [PATH...]

Changes the code in many small ways, and runs the tests of its folder on each change. A change that no test notices is a gap
in the tests. Takes minutes for a file and hours for everything; a second run does only what has changed since.

  [PATH...]          folders or files, such as lib/pki or lib/pki/rules.ts (default: every folder)
  --concurrency N    changes tested at once (default: the number of cores)
  -h, --help         show this text

Writes .mutation/<folder>.html.

Exit codes: 0 each folder has its share, 1 one has not, 2 invalid command line.

Example: npm run mutate -- lib/pki/rules.ts`;

await runCommand(
  { usage, operands: ['[PATH...]'], options: { concurrency: { type: 'string' } } },
  async ({ operands, values: { concurrency } }) => {
    const atOnce = concurrency === undefined ? availableParallelism() : wholeNumber('concurrency', concurrency, 1);
    let isGood = true;
    for (const [folder, paths] of chosen(operands)) isGood = (await mutate(folder, paths, atOnce)) && isGood;
    return isGood ? 0 : 1;
  },
);

/** The folders that are meant, with the files in them. @throws UsageError for a path that is in none */
function chosen(paths: readonly string[]): ReadonlyMap<MutatedFolder, readonly string[]> {
  if (paths.length === 0) return new Map(folders.map((folder) => [folder, filesOf(folder.path)]));
  const found = new Map<MutatedFolder, string[]>();
  for (const path of paths.map((each) => relative('', each))) {
    const folder = folders.find((each) => path === each.path || path.startsWith(`${each.path}/`)) ?? folderOfFile(path);
    if (folder === undefined) throw new UsageError(`"${path}" is in no folder of test/mutation/folders.ts.`);
    found.set(folder, [...(found.get(folder) ?? []), ...filesOf(path)]);
  }
  return found;
}

/** The folder of a file beside the folders of lib/. */
function folderOfFile(path: string): MutatedFolder | undefined {
  return /^lib\/[^/]+\.ts$/.test(path) ? folders.find((each) => each.path === 'lib/*.ts') : undefined;
}

function filesOf(path: string): string[] {
  return [path.endsWith('.ts') ? path : `${path}/**/*.ts`];
}

async function testFiles({ tests }: MutatedFolder): Promise<string[]> {
  const files: string[] = [];
  for (const path of tests) {
    const pattern = path.endsWith('.ts') ? path : `${path}/**/*.test.ts`;
    for await (const file of glob(pattern)) files.push(file);
  }
  return files.sort();
}

/** @returns whether the tests notice enough of the mutants */
async function mutate(folder: MutatedFolder, files: readonly string[], concurrency: number): Promise<boolean> {
  const name = folder.path.replaceAll(/[^a-z]+/g, '-').replace(/-$/, '');
  const stryker = new Stryker({
    mutate: [...files],
    testRunner: 'tap',
    tap: { testFiles: await testFiles(folder), nodeArgs: ['--test-reporter=tap'], forceBail: true },
    plugins: ['@stryker-mutator/tap-runner'],
    coverageAnalysis: 'perTest',
    // Most texts are sentences of errors and logs. Tests hold their codes, and the parts that a user acts on.
    mutator: { excludedMutations: ['StringLiteral'] },
    // Node strips types and does not check them.
    disableTypeChecks: false,
    // Node strips no types in node_modules.
    tempDirName: '.mutation/sandbox',
    ignorePatterns: ['/dist', '/.local', '/.mutation'],
    incremental: true,
    incrementalFile: `.mutation/${name}.json`,
    reporters: ['progress-append-only', 'html'],
    htmlReporter: { fileName: `.mutation/${name}.html` },
    concurrency,
    logLevel: 'warn' as LogLevel,
  });
  return report(folder, await stryker.runMutationTest());
}

/** Prints what survived, and the share. @returns whether that is enough */
function report({ path, least }: MutatedFolder, results: readonly MutantResult[]): boolean {
  const counted = results.filter(({ status }) => status !== 'Ignored' && status !== 'CompileError');
  const left = counted.filter(({ status }) => status === 'Survived' || status === 'NoCoverage');
  const survivors = left.filter((mutant) => !isEquivalent(mutant));
  for (const mutant of survivors) {
    const { fileName, location, status, replacement } = mutant;
    const what = status === 'NoCoverage' ? 'no test runs' : 'no test notices';
    console.log(`${relative('', fileName)}:${location.start.line}  ${what}: ${lineOf(mutant)}`);
    console.log(`    ${replacement}`);
  }
  const total = counted.length - (left.length - survivors.length);
  const share = total === 0 ? 100 : (100 * (total - survivors.length)) / total;
  const isGood = share >= least;
  const verdict = isGood ? '' : `, and ${least} % have to be`;
  console.log(`${path}: ${total - survivors.length} of ${total} mutants are noticed, ${share.toFixed(1)} %${verdict}`);
  return isGood;
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
