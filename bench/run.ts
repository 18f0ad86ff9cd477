import Table from 'cli-table3';
import { type CommandArguments, runCommand, UsageError, wholeNumber } from '../infra/tools/command-line.ts';
import type { Benchmark, Measurement } from './benchmark.ts';
import { benchmarks } from './benchmarks.ts';
import { formatBar, formatValue } from './format.ts';
import { load, speed, thisMachine } from './harness/machine.ts';
import { writePerformancePage } from './performance-page.ts';
import { type Result, readResults, writeResults } from './results.ts';

const names = benchmarks.map(({ name }) => name);
/** Two lines: a line of help fits a terminal of 120 characters. */
const half = Math.ceil(names.length / 2);
const usage = `Usage: npm run bench -- [--only NAME[,NAME]] [--rounds N] [--scale SHARE | --quick]

Prints one line of JSON per measurement, then a table. Writes bench/results.json and docs/performance.md.

  --only NAME   some of the measurements below (default: all)
  --rounds N    how often everything is measured (default: 5); results of fewer than 5 rounds are not saved
  --scale SHARE less work than in full, from 0.01 to 1: only in some of the measurements; not saved below 1
  --quick       one round of a tenth of the work, to see that it runs; not saved
  -h, --help    show this text

Measurements:
  ${names.slice(0, half).join(' ')}
  ${names.slice(half).join(' ')}

Exit codes: 0 every bar is reached, 1 a bar is missed, 2 invalid command line.

Example: npm run bench -- --only ${names[0]} --quick`;

/** A median of fewer rounds is not a result. */
const minRounds = 5;

interface BenchOptions {
  readonly chosen: readonly Benchmark[];
  readonly rounds: number;
  /** Share of the full work. */
  readonly scale: number;
  /** Whether the results are saved. */
  readonly kept: boolean;
}

const commandOptions = {
  only: { type: 'string' },
  rounds: { type: 'string' },
  scale: { type: 'string' },
  quick: { type: 'boolean', default: false },
} as const;

const machine = thisMachine();

await runCommand({ usage, options: commandOptions }, async (given) => {
  const options = readOptions(given);
  const results: Result[] = [];
  for (const benchmark of options.chosen) {
    const reason = await benchmark.skip?.();
    if (reason !== undefined) {
      process.stderr.write(`${benchmark.name} was skipped: ${reason}\n`);
      continue;
    }
    const result = await runOne(benchmark, options);
    results.push(result);
    // At once: everything takes an hour, and what is measured is not lost when the rest is cut.
    if (options.kept) await keep(result);
  }
  process.stdout.write(`${tableOf(results)}\n`);
  return results.some(({ measurements }) => measurements.some(({ met }) => met === false)) ? 1 : 0;
});

/** @throws UsageError */
function readOptions({ values }: CommandArguments<typeof commandOptions>): BenchOptions {
  const only = values.only?.split(',') ?? names;
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`Unknown benchmark "${unknown}". Expected some of ${names.join(', ')}.`);
  const rounds = values.rounds === undefined ? (values.quick ? 1 : minRounds) : wholeNumber('rounds', values.rounds, 1);
  const chosen = benchmarks.filter(({ name }) => only.includes(name));
  const scale = values.quick ? 0.1 : readScale(values.scale);
  return { chosen, rounds, scale, kept: rounds >= minRounds && scale === 1 };
}

/** @throws UsageError */
function readScale(text = '1'): number {
  const scale = Number(text);
  if (!(scale >= 0.01 && scale <= 1)) throw new UsageError(`Invalid value "${text}" for --scale. Expected 0.01 to 1.`);
  return scale;
}

async function keep(result: Result): Promise<void> {
  const others = (await readResults()).filter(({ name }) => name !== result.name);
  await writeResults([...others, result].sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name)));
  await writePerformancePage();
}

async function runOne({ name, run }: Benchmark, options: BenchOptions): Promise<Result> {
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const loadBefore = load();
  const speedBefore = await speed();
  say(`${name} (load of the machine ${loadBefore}, ${speedBefore} keys and signatures/s on one core) ...`);
  const findings = await run({ ...options, say });
  const speeds = [speedBefore, await speed()];
  for (const measurement of findings.measurements)
    process.stdout.write(`${JSON.stringify({ benchmark: name, ...measurement })}\n`);
  if (findings.profile !== undefined)
    process.stdout.write(`${JSON.stringify({ benchmark: name, profile: findings.profile })}\n`);
  const { rounds } = options;
  return { name, at: new Date().toISOString(), rounds, machine, load: loadBefore, speeds, ...findings };
}

function tableOf(found: readonly Result[]): string {
  const table = new Table({ head: ['benchmark', '', 'measured', 'must reach', ''], style: { head: [], border: [] } });
  const result = ({ met }: Measurement) => (met === undefined ? '' : met ? 'met' : 'MISSED');
  for (const { name, measurements } of found)
    for (const each of measurements)
      table.push([name, each.name, formatValue(each.value, each.unit), formatBar(each.bar, each.unit), result(each)]);
  return table.toString();
}
