import { parseArgs } from 'node:util';
import { buildApp } from '../../infra/build.ts';
import { createRandom } from './random.ts';
import { scenarios } from './scenarios.ts';

/*
 * `npm run chaos -- [--seed N] [--only kill,refuse] [--short]`: attacks a local stack, one scenario after another, and checks
 * the invariants after each. The seed decides which requests are attacked, and how. How far the app is at that moment
 * depends on the machine. Prints one line of JSON per scenario. Exit codes: 0 all invariants hold, 1 some do not, 2 usage.
 */

const { values } = parseArgs({
  options: { seed: { type: 'string' }, only: { type: 'string' }, short: { type: 'boolean', default: false } },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const wanted = values.only?.split(',') ?? Object.keys(scenarios);
const unknown = wanted.filter((name) => !(name in scenarios));
if (!Number.isSafeInteger(seed) || unknown.length > 0) {
  process.stderr.write(
    `error: Expected a whole number for --seed and some of ${Object.keys(scenarios).join(',')} for --only.\n`,
  );
  process.exit(2);
}

process.stdout.write(`seed ${seed}\n`);
await buildApp();
let problems = 0;
for (const name of wanted) {
  const scenario = scenarios[name as keyof typeof scenarios];
  const began = Date.now();
  const say = (text: string) => void process.stderr.write(`${name}: ${text}\n`);
  try {
    const report = await scenario({
      random: createRandom(seed).fork(name),
      scale: values.short ? 'short' : 'long',
      say,
    });
    const seconds = Math.round((Date.now() - began) / 1000);
    problems += report.problems.length;
    for (const problem of report.problems.slice(0, 50)) say(`PROBLEM ${problem}`);
    process.stdout.write(
      `${JSON.stringify({ scenario: name, seed, seconds, problems: report.problems.length, ...report.metrics })}\n`,
    );
  } catch (error) {
    problems += 1;
    say((error as Error).stack ?? '');
    process.stdout.write(`${JSON.stringify({ scenario: name, seed, error: (error as Error).message })}\n`);
  }
}
process.stdout.write(
  problems === 0 ? 'All invariants hold.\n' : `${problems} problems. Repeat the run with --seed ${seed}.\n`,
);
process.exit(problems === 0 ? 0 : 1);
