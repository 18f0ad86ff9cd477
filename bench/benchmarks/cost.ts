import { readFile } from 'node:fs/promises';
import { costOf, type PriceName } from '../../lib/limits-and-prices.ts';
import { type Benchmark, type Findings, type Measurement, type Run, single } from '../benchmark.ts';
import { type AnnouncementCost, announcementCost } from '../harness/announce.ts';
import { type BenchStack, withBenchStack } from '../harness/bench-stack.ts';

const rowsPerJob = 20_000;
/** Memory of an instance, as in infra/azure/main.bicep. */
const instanceGigabytes = 2;
const million = 1_000_000;
/** Devices that are announced. A full message of events has 100. */
const announcedDevices = 1000;

export const cost: Benchmark = {
  name: 'cost',
  what:
    'Billed operations per device, with an enrollment group in DPS, over jobs of 20,000 rows, retries and queue ' +
    'polling included. The Cosmos DB service charges more request units than the emulator, because it also charges ' +
    'for indexed paths.',

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    const rows = rowsPerJob * scale;
    let seconds = 0;
    let bytes = 0;
    let announced: AnnouncementCost = { requestUnits: 0, cosmosRequests: 0, messages: 0 };
    const counted = await withBenchStack({ settings: { TELEMETRY: 'console' } }, async (bench) => {
      for (let round = 0; round < rounds; round++) seconds += (await bench.run(rows)).seconds;
      bytes = await storedBytes(bench);
      announced = await announcementCost(bench, announcedDevices);
      // On SIGTERM the app prints what it counted since the last print.
      await bench.stack.process('functions').kill('SIGTERM');
      return readMetrics(bench.stack.process('functions').logFile);
    });
    const devices = rows * rounds;
    const of = (metric: string, attribute = '') => (counted.get(`${metric}${attribute}`) ?? 0) / devices;
    const blob = of('fleet.storage.operations', 'blob');
    const queue = of('fleet.storage.operations', 'queue');
    const [requests, units] = [of('fleet.cosmos.requests'), of('fleet.cosmos.request_units')];
    const [dps, certificates] = [of('fleet.dps.calls'), of('fleet.certificates')];
    const executions = of('fleet.run.duration');
    say(`  ${devices} devices: ${[...counted].map(([name, value]) => `${name} ${value}`).join(', ')}`);
    if (certificates < 1) throw new Error('The telemetry counted fewer certificates than devices.');

    const money: readonly [string, PriceName, number][] = [
      ['blob operations', 'blobOperation', blob],
      ['queue operations', 'queueOperation', queue],
      ['bundles kept for a month', 'blobGigabyteMonth', bytes / 1e9 / devices],
      ['Cosmos DB request units', 'requestUnit', units],
      ['DPS operations', 'dpsOperation', dps],
      ['Key Vault signatures', 'keyVaultSignature', certificates],
      ['executions', 'functionExecution', executions],
      ['time of one instance', 'functionGigabyteSecond', (seconds / devices) * instanceGigabytes],
    ];
    const dollars: Measurement[] = money.map(([name, price, count]) =>
      single(`per million devices: ${name}`, 'USD', costOf(price, count * million)),
    );
    const total = dollars.reduce((sum, { value }) => sum + value, 0);
    return {
      measurements: [
        single('storage operations per device', 'operations', blob + queue, { atMost: 0.1 }),
        single('Cosmos DB requests per device', 'requests', requests, { atMost: 0.1 }),
        single('DPS operations per device', 'operations', dps, { atMost: 0.001 }),
        single('request units per device', 'RU', units),
        single('executions per device', 'executions', executions),
        single('per million devices', 'USD', total),
        // Only with ASSIGNED_EVENTS. What a job announces is in the figures above.
        single('request units per device that is announced', 'RU', announced.requestUnits),
        single('Cosmos DB requests per device that is announced', 'requests', announced.cosmosRequests),
        single('messages per device that is announced', 'messages', announced.messages, { atMost: 0.02 }),
        ...dollars,
      ],
    };
  },
};

async function storedBytes({ bundles }: BenchStack): Promise<number> {
  let bytes = 0;
  for await (const { properties } of bundles.listBlobsFlat()) bytes += properties.contentLength ?? 0;
  return bytes;
}

/** Sums the lines that functions/telemetry/console-exporters.ts prints: per metric, and per service if it has one. */
async function readMetrics(logFile: string): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const line of (await readFile(logFile, 'utf8')).split('\n')) {
    const [, metric, value, attributes] = /figure (fleet\.\S+) ([\d.]+)\D.*?(\{.*\})/.exec(line) ?? [];
    if (metric === undefined || attributes === undefined) continue;
    const { service = '' } = JSON.parse(attributes) as { service?: string };
    const name = `${metric}${service}`;
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}
