import { readFile } from 'node:fs/promises';
import { type Benchmark, type Findings, type Measurement, type Run, single } from '../benchmark.ts';
import { type BenchStack, withBenchStack } from '../harness/bench-stack.ts';
import { costOf, type PriceName } from '../prices.ts';

const rowsOfAJob = 20_000;
/** Of an instance, as infra/azure/main.bicep declares it. */
const instanceGigabytes = 2;
const million = 1_000_000;

export const cost: Benchmark = {
  name: 'cost',
  what:
    'What is billed for a device of a group with one enrollment for all, counted by the app’s own telemetry over jobs of ' +
    '20,000 rows: every try of every request, the host’s polling of its queues included. Request units are what the ' +
    'Cosmos DB stand-in charges by the published figures; the service charges for indexed paths too, and asks more. Money ' +
    'is worked out from bench/prices.ts.',

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    const rows = rowsOfAJob * scale;
    let seconds = 0;
    let bytes = 0;
    const counted = await withBenchStack({ settings: { TELEMETRY: 'console' } }, async (bench) => {
      for (let round = 0; round < rounds; round++) seconds += (await bench.run(rows)).seconds;
      bytes = await storedBytes(bench);
      // What was counted since the last print is printed at the end.
      await bench.stack.process('functions').kill('SIGTERM');
      return readFigures(bench.stack.process('functions').logFile);
    });
    const devices = rows * rounds;
    const of = (figure: string, attribute = '') => (counted.get(`${figure}${attribute}`) ?? 0) / devices;
    const blob = of('fleet.storage.operations', 'blob');
    const queue = of('fleet.storage.operations', 'queue');
    const [requests, units] = [of('fleet.cosmos.requests'), of('fleet.cosmos.request_units')];
    const [dps, certificates] = [of('fleet.dps.calls'), of('fleet.certificates')];
    const executions = of('fleet.run.duration');
    say(`  ${devices} devices: ${[...counted].map(([name, value]) => `${name} ${value}`).join(', ')}`);
    if (certificates < 1) throw new Error('Fewer certificates were counted than there are devices.');

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
      single(`a million devices: ${name}`, 'USD', costOf(price, count * million)),
    );
    const total = dollars.reduce((sum, { value }) => sum + value, 0);
    return {
      measurements: [
        single('storage operations a device', 'operations', blob + queue, { atMost: 0.1 }),
        single('Cosmos DB requests a device', 'requests', requests, { atMost: 0.1 }),
        single('DPS operations a device', 'operations', dps, { atMost: 0.001 }),
        single('request units a device', 'RU', units),
        single('executions a device', 'executions', executions),
        single('a million devices', 'USD', total),
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

/** Sums the lines that functions/telemetry/console-exporters.ts prints, by figure, and by service where it has one. */
async function readFigures(logFile: string): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const line of (await readFile(logFile, 'utf8')).split('\n')) {
    const [, figure, value, attributes] = /figure (fleet\.\S+) ([\d.]+)\D.*?(\{.*\})/.exec(line) ?? [];
    if (figure === undefined || attributes === undefined) continue;
    const { service = '' } = JSON.parse(attributes) as { service?: string };
    const name = `${figure}${service}`;
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}
