/**
 * Writes docs/performance.md from bench/results.json, which `npm run bench` writes.
 * `npx node bench/performance-page.ts` writes the page. With `--check` it only compares (exit code 1 if they differ).
 */
import { readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Measurement, Profile } from './benchmark.ts';
import { benchmarks } from './benchmarks.ts';
import { formatBar, formatValue } from './format.ts';
import type { Machine } from './harness/machine.ts';
import { prices } from './prices.ts';
import { type Result, readResults } from './results.ts';

const page = new URL('../docs/performance.md', import.meta.url);

/** @returns docs/performance.md */
export function performancePage(results: readonly Result[]): string {
  const known = benchmarks.flatMap(({ name, what }) => {
    const result = results.find((each) => each.name === name);
    return result === undefined ? [] : [{ what, result }];
  });
  const bars = known.flatMap(({ result }) =>
    result.measurements.filter(({ bar }) => bar !== undefined).map((measurement) => barRow(result.name, measurement)),
  );
  return `${[
    intro,
    machines(results),
    ['| benchmark | | measured | must reach | |', '| --- | --- | --- | --- | --- |', ...bars].join('\n'),
    ...known.map(({ what, result }) => section(what, result)),
    priceTable(),
  ].join('\n\n')}\n`;
}

const intro = `# Performance

<!-- Written by bench/performance-page.ts from bench/results.json; \`npm run bench\` writes both. -->

\`npm run bench\` runs all benchmarks, \`npm run bench -- --only NAME\` one. Programs that are compared run in separate processes and
take turns within each round. Values are medians of the rounds, with minimum and maximum. The ratios are the result, because they
carry over to other machines. Absolute values are illustrations.`;

function machines(results: readonly Result[]): string {
  const distinct: Machine[] = [];
  for (const { machine } of results)
    if (!distinct.some((each) => isDeepStrictEqual(each, machine))) distinct.push(machine);
  const loads = results.map(({ load }) => load);
  const lines = distinct.map(
    ({ processor, cores, memoryGibibytes, system, node, openssl }) =>
      `Measured on ${cores} cores of ${processor}, ${memoryGibibytes} GiB, ${system}, Node ${node}, OpenSSL ${openssl}.`,
  );
  if (loads.length > 0)
    lines.push(`The load average of the machine before each benchmark was at most ${Math.max(...loads)}.`);
  return lines.join('\n');
}

function barRow(benchmark: string, { name, value, unit, bar, met }: Measurement): string {
  return `| \`${benchmark}\` | ${name} | ${formatValue(value, unit)} | ${formatBar(bar, unit)} | ${met ? 'met' : '**missed**'} |`;
}

function section(what: string, { name, at, rounds, load, measurements, bound, profile }: Result): string {
  const rows = measurements.map(
    (measurement) =>
      `| ${measurement.name} | ${formatValue(measurement.value, measurement.unit)} | ${spread(measurement)} | ${formatBar(measurement.bar, measurement.unit)} |`,
  );
  return [
    `## ${name}`,
    what,
    `${rounds} rounds, ${at.slice(0, 10)}, load average before it ${load}.`,
    ['| | median | minimum to maximum | must reach |', '| --- | --- | --- | --- |', ...rows].join('\n'),
    ...(bound === undefined ? [] : [`Limited by ${bound}`]),
    ...(profile === undefined ? [] : [profileText(profile)]),
  ].join('\n\n');
}

function profileText({ of, shares }: Profile): string {
  const rows = shares.map(({ place, percent }) => `| ${place} | ${percent} % |`);
  return [
    `Where ${of} spends its time (self time of each function, by the profiler):`,
    `| function | share |\n| --- | --- |\n${rows.join('\n')}`,
  ].join('\n\n');
}

function spread({ rounds = [], unit }: Measurement): string {
  return rounds.length < 2
    ? ''
    : `${formatValue(Math.min(...rounds), '')} to ${formatValue(Math.max(...rounds), unit)}`;
}

function priceTable(): string {
  const rows = Object.values(prices).map(
    ({ of, dollars, units, source, date }) =>
      `| ${of} | ${dollars} | ${units.toLocaleString('en')} | ${source} | ${date} |`,
  );
  return [
    '## Prices',
    'The prices that `cost` uses (bench/prices.ts). They are commonly quoted and were not read from the pages below, so check them there.',
    ['| item | USD | per | check at | as of |', '| --- | --- | --- | --- | --- |', ...rows].join('\n'),
  ].join('\n\n');
}

export async function writePerformancePage(): Promise<void> {
  await writeFile(page, performancePage(await readResults()));
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const found = await readFile(page, 'utf8').catch(() => '');
    if (found !== performancePage(await readResults())) {
      console.error('docs/performance.md is not what bench/results.json says; run: npx node bench/performance-page.ts');
      process.exitCode = 1;
    }
  } else {
    await writePerformancePage();
  }
}
