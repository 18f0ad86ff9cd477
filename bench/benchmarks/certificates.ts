import { setTimeout as sleep } from 'node:timers/promises';
import { CosmosClient } from '@azure/cosmos';
import { createCosmosDeviceStore } from '../../lib/azure/cosmos-devices.ts';
import type { DeviceCertificate } from '../../lib/devices/certificate.ts';
import type { DeviceRecord } from '../../lib/devices/device.ts';
import { cosmosContainers } from '../../lib/resource-names.ts';
import { type Benchmark, type Findings, measured, type Run } from '../benchmark.ts';
import { type BenchStack, withBenchStack } from '../harness/bench-stack.ts';

const devices = 100_000;
const groups = ['line1', 'line2'] as const;
/** Devices per call of the store. */
const batch = 2_000;
/** Devices that were issued within one day, one after the other. */
const perDay = 1_000;
const firstDay = Date.UTC(2026, 0, 1);
const dayMs = 24 * 60 * 60 * 1000;

export const certificates: Benchmark = {
  name: 'certificates',
  what:
    '`GET /api/certificates` with 100,000 device records on the Cosmos DB emulator, half of them of the CA that is asked for. ' +
    'Each device has two certificates of 20 months. A page has 100 lines. A period of one day has the certificates of 1,000 devices.',

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    const seconds = { page: [] as number[], day: [] as number[], csv: [] as number[] };
    const count = Math.round(devices * scale);
    let lines = 0;
    await withBenchStack({}, async (bench) => {
      await seed(bench, count);
      const day = new Date(firstDay + Math.floor(count / 2 / perDay) * dayMs);
      const end = new Date(day.getTime() + dayMs);
      const asked = `ca=line1/1&custody=service&asOf=${end.toISOString()}`;
      const period = `issuedFrom=${day.toISOString()}&issuedTo=${end.toISOString()}`;
      for (let round = 0; round < rounds; round++) {
        seconds.page.push((await ask(bench, `${asked}&limit=100`)).seconds);
        seconds.day.push(await askAll(bench, `${asked}&${period}&limit=1000`));
        const all = await ask(bench, `ca=line1&asOf=${new Date(firstDay + 400 * dayMs).toISOString()}&format=csv`);
        seconds.csv.push(all.seconds);
        lines = all.text.split('\n').length - 2;
        const latest = Object.values(seconds).map((each) => `${each.at(-1)?.toFixed(2)} s`);
        say(`  round ${round + 1}: page, day, CSV: ${latest.join(', ')}; ${lines} certificates`);
      }
    });
    if (lines !== count) throw new Error(`The CSV has ${lines} certificates. Expected ${count}.`);
    return {
      measurements: [
        measured('a page', 's', seconds.page, { atMost: 2 }),
        measured('all of one day', 's', seconds.day, { atMost: 30 }),
        measured('all 100,000 certificates of the CA, as CSV', 's', seconds.csv, { atMost: 60 }),
      ],
    };
  },
};

async function ask({ stack }: BenchStack, query: string): Promise<{ text: string; seconds: number }> {
  const began = performance.now();
  const headers = { 'x-functions-key': stack.functionsKey };
  const answer = await fetch(`${stack.urls.functions}/api/certificates?${query}`, { headers });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
  return { text, seconds: (performance.now() - began) / 1000 };
}

/** Follows `next` to the end. @returns seconds */
async function askAll(bench: BenchStack, query: string): Promise<number> {
  let seconds = 0;
  let next: string | undefined = `?${query}`;
  while (next !== undefined) {
    const page = await ask(bench, next.slice(next.indexOf('?') + 1));
    seconds += page.seconds;
    ({ next } = JSON.parse(page.text) as { next?: string });
  }
  return seconds;
}

/** Writes the records through the store. */
async function seed({ stack: { cosmos } }: BenchStack, count: number): Promise<void> {
  const client = new CosmosClient({ endpoint: cosmos.endpoint, key: cosmos.key });
  const container = client.database(cosmos.database).container(cosmosContainers.devices);
  const store = createCosmosDeviceStore(container, { sleep: async (milliseconds) => void (await sleep(milliseconds)) });
  for (let from = 0; from < count; from += batch) {
    await store.create(Array.from({ length: Math.min(batch, count - from) }, (_, index) => someRecord(from + index)));
  }
  client.dispose();
}

function someRecord(row: number): DeviceRecord {
  const id = `gw-${String(row).padStart(7, '0')}`;
  const enrollmentGroup = groups[row % 2] ?? groups[0];
  const at = new Date(firstDay + Math.floor(row / perDay) * dayMs).toISOString();
  const certificate = (kind: 'identity' | 'edge-ca', serial: number): DeviceCertificate => ({
    ...{ kind, enrollmentGroup, caGeneration: 1, keyMadeBy: 'service', state: 'live', since: at },
    serialNumber: serial.toString(16).padStart(32, '5'),
    sha1Thumbprint: serial.toString(16).toUpperCase().padStart(40, 'A'),
    sha256Thumbprint: serial.toString(16).toUpperCase().padStart(64, 'B'),
    notBefore: at,
    notAfter: new Date(Date.parse(at) + 600 * dayMs).toISOString(),
  });
  const identity = certificate('identity', 2 * row);
  return {
    ...{ id, enrollmentGroup, status: 'assigned', statusSince: at, contentHash: 'c'.repeat(64) },
    claim: { jobId: 'f'.repeat(24), chunk: Math.floor(row / 250), line: (row % 250) + 2, attempt: 1 },
    ...{ serialNumber: identity.serialNumber, identity },
    certificates: [identity, certificate('edge-ca', 2 * row + 1)],
    twin: { tags: { site: 'berlin', slot: row }, desired: {} },
    registration: { status: 'assigned', assignedHub: 'hub-1.azure-devices.net', at, seenAt: at },
    history: [
      { at, event: 'issued', detail: identity.serialNumber },
      { at, event: 'registration assigned', detail: 'hub-1.azure-devices.net' },
    ],
  };
}
