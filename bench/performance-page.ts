/**
 * Writes docs/performance.md from bench/results.json, which `npm run bench` keeps.
 * `node bench/performance-page.ts` writes it, `--check` only says whether it is as it should be (exit code 1 if not).
 */
import { readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Measurement, Profile } from './benchmark.ts';
import { benchmarks } from './benchmarks.ts';
import { barText, figure } from './figure-text.ts';
import type { Machine } from './harness/machine.ts';
import { prices } from './prices.ts';
import { type Result, readResults } from './results.ts';

const page = new URL('../docs/performance.md', import.meta.url);

/** The whole page. */
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

<!-- Written by bench/performance-page.ts from bench/results.json; run \`npm run bench\` to make both anew. -->

\`npm run bench\` measures all of this, \`npm run bench -- --only NAME\` one of it. What is compared is measured side by side in
the same run, turn about, in processes of their own; figures are medians of the rounds, with the least and the most beside
them. Ratios are the result: they carry over to other machines. Absolute figures only illustrate.`;

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
    lines.push(
      `The load of the machine before each benchmark (processes that wanted to run) was at most ${Math.max(...loads)}.`,
    );
  return lines.join('\n');
}

function barRow(benchmark: string, { name, value, unit, bar, met }: Measurement): string {
  return `| \`${benchmark}\` | ${name} | ${figure(value, unit)} | ${barText(bar, unit)} | ${met ? 'met' : '**missed**'} |`;
}

function section(what: string, { name, at, rounds, load, measurements, bound, profile }: Result): string {
  const rows = measurements.map(
    (measurement) =>
      `| ${measurement.name} | ${figure(measurement.value, measurement.unit)} | ${spread(measurement)} | ${barText(measurement.bar, measurement.unit)} |`,
  );
  return [
    `## ${name}`,
    what,
    `${rounds} rounds, ${at.slice(0, 10)}, load before it ${load}.`,
    ['| | median | least to most | must reach |', '| --- | --- | --- | --- |', ...rows].join('\n'),
    ...(bound === undefined ? [] : [`What bounds it: ${bound}`]),
    ...(profile === undefined ? [] : [profileText(profile)]),
  ].join('\n\n');
}

function profileText({ of, shares }: Profile): string {
  const rows = shares.map(({ place, percent }) => `| ${place} | ${percent} % |`);
  return [
    `Where ${of} spends its time, each place by itself, by the profiler:`,
    `| place | share |\n| --- | --- |\n${rows.join('\n')}`,
  ].join('\n\n');
}

function spread({ rounds = [], unit }: Measurement): string {
  return rounds.length < 2 ? '' : `${figure(Math.min(...rounds), '')} to ${figure(Math.max(...rounds), unit)}`;
}

function priceTable(): string {
  const rows = Object.values(prices).map(
    ({ of, dollars, units, source, date }) =>
      `| ${of} | ${dollars} | ${units.toLocaleString('en')} | ${source} | ${date} |`,
  );
  return [
    '## Prices',
    'What `cost` works with (bench/prices.ts), as commonly known or quoted; the pages named were not read for it, so check there.',
    ['| what | USD | for | to be checked at | written down |', '| --- | --- | --- | --- | --- |', ...rows].join('\n'),
  ].join('\n\n');
}

export async function writePerformancePage(): Promise<void> {
  await writeFile(page, performancePage(await readResults()));
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const found = await readFile(page, 'utf8').catch(() => '');
    if (found !== performancePage(await readResults())) {
      console.error('docs/performance.md is not what bench/results.json says; run: node bench/performance-page.ts');
      process.exitCode = 1;
    }
  } else {
    await writePerformancePage();
  }
}
