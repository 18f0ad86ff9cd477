import { parseArgs } from 'node:util';
import { buildApp } from '../../infra/build.ts';
import { createRandom } from './random.ts';
import { scenarios } from './scenarios.ts';

/*
 * `npm run chaos -- [--seed N] [--only kill,refuse] [--short]`: attacks a local stack, scenario by scenario, closes the
 * books after each, and says what does not add up. The seed decides what is done to whom; how far the app is at that
 * moment is up to the machine.
 */

const { values } = parseArgs({
  options: { seed: { type: 'string' }, only: { type: 'string' }, short: { type: 'boolean', default: false } },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const wanted = values.only?.split(',') ?? Object.keys(scenarios);
const unknown = wanted.filter((name) => !(name in scenarios));
if (!Number.isSafeInteger(seed) || unknown.length > 0) {
  process.stderr.write(`error: --seed takes a whole number, --only some of ${Object.keys(scenarios).join(',')}\n`);
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
    const ledger = await scenario({
      random: createRandom(seed).fork(name),
      scale: values.short ? 'short' : 'long',
      say,
    });
    const seconds = Math.round((Date.now() - began) / 1000);
    problems += ledger.problems.length;
    for (const problem of ledger.problems.slice(0, 50)) say(`PROBLEM ${problem}`);
    process.stdout.write(
      `${JSON.stringify({ scenario: name, seed, seconds, problems: ledger.problems.length, ...ledger.figures })}\n`,
    );
  } catch (error) {
    problems += 1;
    say((error as Error).stack ?? '');
    process.stdout.write(`${JSON.stringify({ scenario: name, seed, error: (error as Error).message })}\n`);
  }
}
process.stdout.write(problems === 0 ? 'The books balance.\n' : `${problems} problems; repeat with --seed ${seed}\n`);
process.exit(problems === 0 ? 0 : 1);
