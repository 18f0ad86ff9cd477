import { buildApp } from '../../infra/build.ts';
import { runCommand, UsageError, wholeNumber } from '../../infra/tools/command-line.ts';
import { createRandom } from './random.ts';
import { scenarios } from './scenarios.ts';

/*
 * `npm run chaos`: attacks a local stack, one scenario after another, and checks the invariants after each. The seed decides
 * which requests are attacked, and how. How far the app is at that moment depends on the machine.
 */

const usage = `Usage: npm run chaos -- [--seed N] [--only NAME[,NAME]] [--short]

Attacks a local stack, and checks the invariants after each scenario. Prints one line of JSON per scenario.

  --seed N      number that repeats a run (default: a random one, which is printed)
  --only NAME   some of the scenarios below (default: all)
  --short       less work per scenario
  -h, --help    show this text

Scenarios:
  ${Object.keys(scenarios).join(' ')}

Exit codes: 0 all invariants hold, 1 some do not, 2 invalid command line.

Example: npm run chaos -- --only kill --short`;

const options = {
  seed: { type: 'string' },
  only: { type: 'string' },
  short: { type: 'boolean', default: false },
} as const;

await runCommand({ usage, options }, async ({ values }) => {
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : wholeNumber('seed', values.seed);
  const wanted = values.only?.split(',') ?? Object.keys(scenarios);
  const unknown = wanted.find((name) => !(name in scenarios));
  if (unknown !== undefined)
    throw new UsageError(`Unknown scenario "${unknown}". Expected some of ${Object.keys(scenarios).join(', ')}.`);
  return attack(wanted, seed, values.short ? 'short' : 'long');
});

/** @returns the exit code */
async function attack(wanted: readonly string[], seed: number, scale: 'short' | 'long'): Promise<number> {
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
        scale,
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
  return problems === 0 ? 0 : 1;
}
