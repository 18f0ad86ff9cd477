import { costOf, prices } from '../lib/limits-and-prices.ts';

/*
 * What an app sends to Azure Monitor, and its price. Measured on the real Functions host, which the benchmarks do not run
 * (docs/host.md#telemetry-of-the-host).
 */

/** Host 4.1037 in OpenTelemetry mode, Node 24, Azurite beside it. */
const measuredOn = '2026-11-27';

/** Kilobytes per minute, or per 1,000 devices. */
const measured = {
  idleAllQueues: 131,
  idleOneFunction: 42,
  idleRarePolls: 28,
  job: 35,
  jobWithoutHostLines: 24.4,
} as const;

/** The share of one span per poll of a queue in what an idle app sent. */
const shareOfPolls = 0.88;

const minutesPerDay = 24 * 60;

/** The section of docs/performance.md. */
export function telemetryCost(): string {
  const rows = [
    ['idle: one queue function per instance, as on Flex Consumption', perDay(measured.idleOneFunction)],
    ['the same as deployed, without spans of polls (computed)', perDay(measured.idleOneFunction * (1 - shareOfPolls))],
    ['idle: one instance that polls all queues', perDay(measured.idleAllQueues)],
    ['the same as deployed, without spans of polls (computed)', perDay(measured.idleAllQueues * (1 - shareOfPolls))],
    [
      'the same with `maxPollingInterval` 60 s, which is not deployed: each idle queue waits as long',
      perDay(measured.idleRarePolls),
    ],
    ['a job of 1,000,000 devices, all traces and log lines', perMillion(measured.job)],
    ['the same with the host lines of `provision-chunk` from Warning on', perMillion(measured.jobWithoutHostLines)],
  ];
  const table = ['| | GB | USD |', '| --- | --- | --- |', ...rows.map((row) => `| ${row.join(' | ')} |`)];
  return [
    '## Telemetry',
    `What the app and its host send to Azure Monitor, measured on the real host on ${measuredOn}, at ${prices.logGigabyte.dollars} USD per GB. All traces are sent ` +
      `([host.md](host.md#telemetry-of-the-host)). Idle is per day of an instance that runs. Without work, Flex Consumption ends the instances of queue functions. ` +
      `Of what an idle app sent, ${shareOfPolls * 100} % was one span per poll of a queue; the app setting ` +
      `[\`AZURE_TRACING_DISABLED\`](settings.md#azure_tracing_disabled) leaves those out, by the source of the host and of Azure.Core.`,
    table.join('\n'),
  ].join('\n\n');
}

function perDay(kilobytesPerMinute: number): string {
  return amounts((kilobytesPerMinute * minutesPerDay) / 1e6);
}

function perMillion(kilobytesPerThousand: number): string {
  return amounts((kilobytesPerThousand * 1000) / 1e6);
}

function amounts(gigabytes: number): string {
  return `${gigabytes.toFixed(3)} | ${costOf('logGigabyte', gigabytes).toFixed(3)}`;
}
