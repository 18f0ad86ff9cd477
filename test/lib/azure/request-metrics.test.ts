import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { countBilledRequests } from '../../../lib/azure/request-metrics.ts';
import { startAzurite } from '../../infra/local/azurite.ts';

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 600_000 });
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));

/** Sum of a metric so far, over the data points that have the given attributes. */
async function sumOf(name: string, wanted: Record<string, unknown> = {}): Promise<number> {
  await reader.forceFlush();
  const found =
    exporter
      .getMetrics()
      .at(-1)
      ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? [];
  const points = found.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
  const fits = points.filter(({ attributes }) =>
    Object.entries(wanted).every(([key, value]) => attributes[key] === value),
  );
  return fits.reduce((sum, { value }) => sum + Number(value), 0);
}

describe('metrics of billed requests', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-metrics-'));
  let azurite: Awaited<ReturnType<typeof startAzurite>>;
  let stop: () => void;
  before(async () => {
    azurite = await startAzurite(directory);
    const { blobs, queues } = azurite.ports;
    stop = countBilledRequests({ blobs: `127.0.0.1:${blobs}`, queues: `127.0.0.1:${queues}` });
  });
  after(async () => {
    stop();
    await reader.shutdown();
    await azurite.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('count each storage transaction, by service', async () => {
    const container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('metrics');
    await container.create();
    await container.getBlockBlobClient('b').upload('x', 1);
    await QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient('metrics').create();
    assert.equal(await sumOf('fleet.storage.operations', { service: 'blob' }), 2);
    assert.equal(await sumOf('fleet.storage.operations', { service: 'queue' }), 1);
  });

  it('add up the charges of Cosmos DB, on any host', async () => {
    const server = createServer((_, response) => {
      response.writeHead(429, { 'x-ms-request-charge': '6.29' });
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { get } = await import('node:http');
    for (let count = 0; count < 2; count++) {
      await new Promise<void>((resolve) => {
        get({ host: '127.0.0.1', port }, (response) => response.resume().on('end', resolve));
      });
    }
    server.close();
    assert.equal(await sumOf('fleet.cosmos.requests', { status: 429 }), 2);
    assert.ok(Math.abs((await sumOf('fleet.cosmos.request_units')) - 12.58) < 1e-9);
  });
});
