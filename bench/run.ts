import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { Benchmark, Measurement } from './benchmark.ts';
import { benchmarks } from './benchmarks.ts';
import { formatBar, formatValue } from './format.ts';
import { load, thisMachine } from './harness/machine.ts';
import { writePerformancePage } from './performance-page.ts';
import { type Result, readResults, writeResults } from './results.ts';

const names = benchmarks.map(({ name }) => name);
const usage = `Usage: npm run bench -- [--only NAME[,NAME]] [--rounds N] [--quick]

  --only NAME   ${names.join(', ')}
  --rounds N    how often everything is measured; default 5; results of fewer rounds are not saved
  --quick       one round of a tenth of the work, to see that it runs; not saved

Prints one line of JSON per measurement, then a table. Writes bench/results.json and docs/performance.md.
Exit codes: 0 every bar is reached, 1 a bar is missed, 2 usage.`;

/** A median of fewer rounds is not a result. */
const minRounds = 5;

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
// Without this, keep-alive connections to a stopped stack would delay the exit.
process.exit(results.some(({ measurements }) => measurements.some(({ met }) => met === false)) ? 1 : 0);

function readOptions() {
  try {
    const { values } = parseArgs({
      options: { only: { type: 'string' }, rounds: { type: 'string' }, quick: { type: 'boolean', default: false } },
    });
    const only = values.only?.split(',') ?? names;
    const unknown = only.find((name) => !names.includes(name));
    if (unknown !== undefined) throw new Error(`There is no benchmark "${unknown}".`);
    const rounds = Number(values.rounds ?? (values.quick ? 1 : minRounds));
    if (!(Number.isInteger(rounds) && rounds > 0))
      throw new Error(`--rounds is "${values.rounds}". Expected a whole number.`);
    const chosen = benchmarks.filter(({ name }) => only.includes(name));
    return { chosen, rounds, scale: values.quick ? 0.1 : 1, kept: rounds >= minRounds && !values.quick };
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
  const result = ({ met }: Measurement) => (met === undefined ? '' : met ? 'met' : 'MISSED');
  for (const { name, measurements } of found)
    for (const each of measurements)
      table.push([name, each.name, formatValue(each.value, each.unit), formatBar(each.bar, each.unit), result(each)]);
  return table.toString();
}
