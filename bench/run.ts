import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { Benchmark, Measurement } from './benchmark.ts';
import { benchmarks } from './benchmarks.ts';
import { barText, figure } from './figure-text.ts';
import { load, thisMachine } from './harness/machine.ts';
import { writePerformancePage } from './performance-page.ts';
import { type Result, readResults, writeResults } from './results.ts';

const names = benchmarks.map(({ name }) => name);
const usage = `Usage: npm run bench -- [--only NAME[,NAME]] [--rounds N] [--quick]

  --only NAME   ${names.join(', ')}
  --rounds N    how often everything is measured; 5 where absent, and nothing is kept of fewer
  --quick       one round of a tenth of the work, to see that it runs; nothing is kept of it

One line of JSON a measurement on the standard output, then a table. Keeps bench/results.json, and docs/performance.md.`;

/** Medians of fewer rounds are no result. */
const leastRounds = 5;

const options = readOptions();
const machine = thisMachine();
const results: Result[] = [];
for (const benchmark of options.chosen) results.push(await runOne(benchmark));
process.stdout.write(`${tableOf(results)}\n`);
if (options.kept) {
  const others = (await readResults()).filter(({ name }) => !results.some((result) => result.name === name));
  const all = [...others, ...results].sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
  await writeResults(all);
  await writePerformancePage();
}
// A keep-alive connection to a stack that is gone would hold the process for its time.
process.exit(results.some(({ measurements }) => measurements.some(({ met }) => met === false)) ? 1 : 0);

function readOptions() {
  try {
    const { values } = parseArgs({
      options: { only: { type: 'string' }, rounds: { type: 'string' }, quick: { type: 'boolean', default: false } },
    });
    const only = values.only?.split(',') ?? names;
    const unknown = only.find((name) => !names.includes(name));
    if (unknown !== undefined) throw new Error(`There is no benchmark "${unknown}".`);
    const rounds = Number(values.rounds ?? (values.quick ? 1 : leastRounds));
    if (!(Number.isInteger(rounds) && rounds > 0)) throw new Error(`--rounds takes a number, not "${values.rounds}".`);
    const chosen = benchmarks.filter(({ name }) => only.includes(name));
    return { chosen, rounds, scale: values.quick ? 0.1 : 1, kept: rounds >= leastRounds && !values.quick };
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n\n${usage}\n`);
    process.exit(2);
  }
}

async function runOne({ name, run }: Benchmark): Promise<Result> {
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const loadBefore = load();
  say(`${name} (load of the machine ${loadBefore}) ...`);
  const findings = await run({ ...options, say });
  for (const measurement of findings.measurements)
    process.stdout.write(`${JSON.stringify({ benchmark: name, ...measurement })}\n`);
  if (findings.profile !== undefined)
    process.stdout.write(`${JSON.stringify({ benchmark: name, profile: findings.profile })}\n`);
  const { rounds } = options;
  return { name, at: new Date().toISOString(), rounds, machine, load: loadBefore, ...findings };
}

function tableOf(found: readonly Result[]): string {
  const table = new Table({ head: ['benchmark', '', 'measured', 'must reach', ''], style: { head: [], border: [] } });
  const verdict = ({ met }: Measurement) => (met === undefined ? '' : met ? 'met' : 'MISSED');
  for (const { name, measurements } of found)
    for (const each of measurements)
      table.push([name, each.name, figure(each.value, each.unit), barText(each.bar, each.unit), verdict(each)]);
  return table.toString();
}
