import { glob } from 'node:fs/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { buildApp } from '../infra/build.ts';
import { runCommand } from '../infra/tools/command-line.ts';

const usage = `Usage: npm test -- [WORD...]

Builds the functions and runs the tests. Ends with the line "N passed, N failed".

  [WORD...]    run only the tests whose path contains one of the words (default: all tests)
  -h, --help   show this text

Exit codes: 0 all passed, 1 a test failed, 2 invalid command line.

Example: npm test -- pki manifest`;

await runCommand({ usage, operands: ['[WORD...]'] }, async ({ operands: words }) => {
  await buildApp();
  await runTests(words);
  return undefined;
});

async function runTests(words: readonly string[]): Promise<void> {
  const files: string[] = [];
  for await (const file of glob('test/**/*.test.ts')) {
    if (words.length === 0 || words.some((word) => file.includes(word))) files.push(file);
  }
  if (files.length === 0) throw new Error(`No test file matches: ${words.join(' ')}`);

  // Test files and what they start load the same modules over and over; Node compiles each once.
  process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url));
  // Each file is a process of its own, so that tests share nothing. With one per core, two cores are idle for a quarter of the time:
  // tests wait for clocks of services.
  const tests = run({ files: files.sort(), concurrency: 3 });
  const counts = { passed: 0, failed: 0, skipped: 0 };
  tests.on('test:summary', ({ file, counts: seen }) => {
    if (file !== undefined) return;
    counts.passed = seen.passed;
    counts.failed = seen.tests - seen.passed - seen.skipped - seen.todo;
    counts.skipped = seen.skipped;
  });
  const report = tests.compose(new spec());
  report.pipe(process.stdout);
  report.on('end', () => {
    const { passed, failed, skipped } = counts;
    const nothingRan = passed + failed === 0;
    process.exitCode = failed > 0 || nothingRan ? 1 : 0;
    process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  });
}
