/**
 * Writes docs/performance.md from bench/results.json, which `npm run bench` writes.
 * `npx node bench/performance-page.ts` writes the page. With `--check` it only compares (exit code 1 if they differ).
 */
import { readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { prices } from '../lib/limits-and-prices.ts';
import type { Measurement, Profile } from './benchmark.ts';
import { benchmarks } from './benchmarks.ts';
import { formatBar, formatValue } from './format.ts';
import type { Machine } from './harness/machine.ts';
import { type Result, readResults } from './results.ts';
import { telemetryCost } from './telemetry-cost.ts';
import { whatLimits } from './what-limits.ts';
import { inAzure } from './where-it-holds.ts';

const page = new URL('../docs/performance.md', import.meta.url);

/** @returns docs/performance.md */
export function performancePage(results: readonly Result[]): string {
  const sections = benchmarks.flatMap(({ name, what }) => {
    const result = results.find((each) => each.name === name);
    return result === undefined ? [] : [section(what, result)];
  });
  const pipelineRate = results
    .find(({ name }) => name === 'pipeline')
    ?.measurements.find(({ name }) => name === 'upload to completed, two hosts')?.value;
  return `${[intro, conditions(results), whatHolds(results), whatLimits(pipelineRate), ...sections, telemetryCost(), priceTable()].join('\n\n')}\n`;
}

/** Which figure holds in Azure, and which on the bench only. */
function whatHolds(results: readonly Result[]): string {
  const names = benchmarks.map(({ name }) => name).filter((name) => results.some((result) => result.name === name));
  const rows = names.map((name) => `| [${name}](#${name}) | ${inAzure[name] ?? ''} |`);
  return ['## What holds in Azure', ['| figure | in Azure |', '| --- | --- |', ...rows].join('\n')].join('\n\n');
}

const intro = `# Performance

<!-- Written by bench/performance-page.ts from bench/results.json; \`npm run bench\` writes both. -->

\`npm run bench\` runs all benchmarks, \`npm run bench -- --only NAME\` one. Programs that are compared run in separate processes and
take turns within each round. Values are medians, with the minimum and maximum of the rounds. "of X" is the ratio to X. The ratios
carry over to other machines, absolute values do not.`;

/** On which machines, when and how often the results were measured. */
function conditions(results: readonly Result[]): string {
  const machines: Machine[] = [];
  for (const { machine } of results)
    if (!machines.some((each) => isDeepStrictEqual(each, machine))) machines.push(machine);
  const lines = machines.map(
    ({ processor, cores, memoryGibibytes, system, node, openssl }) =>
      `Measured on ${cores} cores of ${processor}, ${memoryGibibytes} GiB, ${system}, Node ${node}, OpenSSL ${openssl}.`,
  );
  const load = Math.max(0, ...results.map((result) => result.load));
  lines.push(
    `Dates: ${distinct(results.map(({ at }) => at.slice(0, 10)))}. Rounds per benchmark: ${distinct(results.map(({ rounds }) => rounds))}. Load average before each: at most ${load}.`,
  );
  return lines.join('\n');
}

function distinct(values: readonly (string | number)[]): string {
  return [...new Set(values)].join(', ');
}

function section(what: string, { name, measurements, speeds, bound, profile }: Result): string {
  const rows = measurements.map(
    (measurement) => `| ${measurement.name} | ${valueAndRange(measurement)} | ${barAndOutcome(measurement)} |`,
  );
  return [
    `## ${name}`,
    what,
    ['| | measured | must be |', '| --- | --- | --- |', ...rows].join('\n'),
    ...(speeds === undefined ? [] : [speedText(speeds)]),
    ...(bound === undefined ? [] : [`Limited by ${bound}`]),
    ...(profile === undefined ? [] : [profileText(profile)]),
  ].join('\n\n');
}

/** A virtual machine is not always as fast. With this, absolute values of two runs can be compared. */
function speedText([before = Number.NaN, after = Number.NaN]: readonly number[]): string {
  const [first, last] = [before, after].map((each) => each.toLocaleString('en'));
  return `One core made ${first} P-256 keys and signatures per second before, and ${last} after.`;
}

function profileText({ of, shares }: Profile): string {
  const rows = shares.map(({ place, percent }) => `| ${place} | ${percent} % |`);
  return [
    `Where ${of} spends its time (self time of each function, by the profiler):`,
    `| function | share |\n| --- | --- |\n${rows.join('\n')}`,
  ].join('\n\n');
}

/** Such as `12,785 certificates/s (12,355–13,226)`, without the range for a value that was counted once. */
function valueAndRange({ value, unit, rounds = [] }: Measurement): string {
  const range = `${formatValue(Math.min(...rounds), '')}–${formatValue(Math.max(...rounds), '')}`;
  return rounds.length < 2 ? formatValue(value, unit) : `${formatValue(value, unit)} (${range})`;
}

/** Such as `≥ 0.8`, marked if it was missed. */
function barAndOutcome({ bar, unit, met }: Measurement): string {
  return bar === undefined || met ? formatBar(bar, unit) : `${formatBar(bar, unit)}, **missed**`;
}

function priceTable(): string {
  const all = Object.values(prices);
  const rows = all.map(
    ({ of, dollars, units, source }) => `| [${of}](${source}) | ${dollars} per ${units.toLocaleString('en')} |`,
  );
  return [
    '## Prices',
    `From lib/limits-and-prices.ts, entered ${distinct(all.map(({ date }) => date))} and not read from the linked pages: check them there.`,
    ['| item | USD |', '| --- | --- |', ...rows].join('\n'),
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
