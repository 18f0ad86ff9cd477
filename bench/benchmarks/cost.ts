import { readFile } from 'node:fs/promises';
import { CosmosClient } from '@azure/cosmos';
import { costOf, limits, type PriceName } from '../../lib/limits-and-prices.ts';
import { cosmosContainers } from '../../lib/resource-names.ts';
import { type Benchmark, type Findings, type Measurement, type Run, single } from '../benchmark.ts';
import { type AnnouncementCost, announcementCost } from '../harness/announce.ts';
import { type BenchStack, withBenchStack } from '../harness/bench-stack.ts';

const rowsPerJob = 20_000;
/** Memory of an instance, and how many there can be, as in infra/azure/main.bicep. */
const instanceGigabytes = 2;
const instances = 40;
const million = 1_000_000;
/** Devices that are announced. A full message of events has 100. */
const announcedDevices = 1000;

/** Assumed: what Cosmos DB stores of a document is a quarter more than its text, for its indexes. */
const storedPerByte = 1.25;
/** Assumed: bytes that Azure Monitor bills for a span or a line of the log, which it stores with some 30 columns. */
const bytesPerTelemetryItem = 1000;

export const cost: Benchmark = {
  name: 'cost',
  what:
    'Billed operations per device, with an enrollment group in DPS, over jobs of 20,000 rows, retries and queue ' +
    'polling included. Request units are those of the emulator, which charges what Microsoft publishes by size and by term of the ' +
    'index. The CA key of the stack is a file, so signatures of the vault are computed. Delegated (the default where CA keys ' +
    `are in a vault): one per instance and hour for ${instances} instances, as many hours as a serverless container needs for ` +
    'a million devices, and one per minute for the audit trail. Direct: one per certificate.',

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    const rows = rowsPerJob * scale;
    let seconds = 0;
    let bytes = 0;
    let documents = 0;
    let announced: AnnouncementCost = { requestUnits: 0, cosmosRequests: 0, messages: 0 };
    const counted = await withBenchStack({ settings: { TELEMETRY: 'console' } }, async (bench) => {
      for (let round = 0; round < rounds; round++) seconds += (await bench.run(rows)).seconds;
      bytes = await storedBytes(bench);
      documents = await documentBytes(bench);
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
    const [stored, logged] = [(documents * storedPerByte) / devices, of(telemetryItems) * bytesPerTelemetryItem];
    say(`  ${devices} devices: ${[...counted].map(([name, value]) => `${name} ${value}`).join(', ')}`);
    if (certificates < 1) throw new Error('The telemetry counted fewer certificates than devices.');
    if (units < 5) throw new Error('The telemetry counted fewer request units than a record costs.');

    const { requestUnits } = limits;
    const hours = Math.ceil((units * million) / (requestUnits.count / requestUnits.seconds) / 3600);
    const delegated = (instances * hours + 60 * hours) / million;
    const money: readonly [string, PriceName, number][] = [
      ['blob operations', 'blobOperation', blob],
      ['queue operations', 'queueOperation', queue],
      ['bundles kept for a month', 'blobGigabyteMonth', bytes / 1e9 / devices],
      ['Cosmos DB request units', 'requestUnit', units],
      ['records and jobs kept for a month', 'cosmosGigabyteMonth', stored / 1e9],
      ['DPS operations', 'dpsOperation', dps],
      ['Key Vault signatures, delegated', 'keyVaultSignature', delegated],
      ['executions', 'functionExecution', executions],
      ['time of one instance', 'functionGigabyteSecond', (seconds / devices) * instanceGigabytes],
      ['logs and traces', 'logGigabyte', logged / 1e9],
    ];
    const dollars: Measurement[] = money.map(([name, price, count]) =>
      single(`per million devices: ${name}`, 'USD', costOf(price, count * million)),
    );
    const total = dollars.reduce((sum, { value }) => sum + value, 0);
    const direct = costOf('keyVaultSignature', certificates * million);
    return {
      measurements: [
        single('storage operations per device', 'operations', blob + queue, { atMost: 0.1 }),
        single('Cosmos DB requests per device', 'requests', requests, { atMost: 0.1 }),
        single('DPS operations per device', 'operations', dps, { atMost: 0.001 }),
        single('request units per device', 'RU', units, { atMost: 12 }),
        single('executions per device', 'executions', executions),
        single('bytes in Cosmos DB per device', 'bytes', stored),
        single('bytes of a bundle', 'bytes', bytes / devices),
        single('per million devices', 'USD', total, { atMost: 5 }),
        single(
          'per million devices, issued directly',
          'USD',
          total + direct - costOf('keyVaultSignature', delegated * million),
        ),
        // Only with ASSIGNED_EVENTS. What a job announces is in the figures above.
        single('request units per device that is announced', 'RU', announced.requestUnits),
        single('Cosmos DB requests per device that is announced', 'requests', announced.cosmosRequests),
        single('messages per device that is announced', 'messages', announced.messages, { atMost: 0.02 }),
        ...dollars,
        single('per million devices: Key Vault signatures, direct', 'USD', direct),
      ],
    };
  },
};

/** Text of all documents that the jobs left: records, jobs, parts and claims. */
async function documentBytes({ stack }: BenchStack): Promise<number> {
  const { endpoint, key, database } = stack.cosmos;
  const client = new CosmosClient({ endpoint, key });
  try {
    let bytes = 0;
    for (const id of [cosmosContainers.devices, cosmosContainers.jobs]) {
      const pages = client.database(database).container(id).items.query('SELECT * FROM c', { maxItemCount: 1000 });
      while (pages.hasMoreResults()) {
        const { resources } = await pages.fetchNext();
        for (const document of resources ?? []) bytes += Buffer.byteLength(JSON.stringify(document));
      }
    }
    return bytes;
  } finally {
    client.dispose();
  }
}

async function storedBytes({ bundles }: BenchStack): Promise<number> {
  let bytes = 0;
  for await (const { properties } of bundles.listBlobsFlat()) bytes += properties.contentLength ?? 0;
  return bytes;
}

/** Spans, and lines of the log: what Azure Monitor stores one by one. */
const telemetryItems = 'telemetry items';

/** Sums the lines that functions/telemetry/console-exporters.ts prints: per metric, and per service if it has one. */
async function readMetrics(logFile: string): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  for (const line of (await readFile(logFile, 'utf8')).split('\n')) {
    const [, metric, value, attributes] = /figure (fleet\.\S+) ([\d.]+)\D.*?(\{.*\})/.exec(line) ?? [];
    if (metric === undefined || attributes === undefined) {
      if (line !== '' && !line.includes('figure fleet.')) sums.set(telemetryItems, (sums.get(telemetryItems) ?? 0) + 1);
      continue;
    }
    const { service = '' } = JSON.parse(attributes) as { service?: string };
    const name = `${metric}${service}`;
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}
