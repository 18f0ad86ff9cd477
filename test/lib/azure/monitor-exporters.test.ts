import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { ensureLocalTls } from 'fleet-emulators/tls';
import { createMonitorExporters } from '../../../lib/azure/monitor-exporters.ts';
import { trustLocalTls } from './trust-local-tls.ts';

/** One item as Application Insights accepts it: https://learn.microsoft.com/azure/azure-monitor/app/telemetry-correlation */
interface Envelope {
  readonly name: string;
  readonly tags: Record<string, string>;
  readonly data: { readonly baseType: string; readonly baseData: Record<string, unknown> };
}

// The exporter's statistics about itself go to a fixed Microsoft address, which tests must not call.
process.env['APPLICATION_INSIGHTS_NO_STATSBEAT'] = 'true';

describe('export to Application Insights', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-monitor-'));
  const received: { authorization: string | undefined; envelopes: Envelope[] }[] = [];
  let server: Server;
  let connectionString = '';

  before(async () => {
    const tls = await ensureLocalTls({ directory: join(directory, 'tls') });
    trustLocalTls(tls.caPem);
    server = createServer({ key: tls.keyPem, cert: tls.certPem }, async (request, response) => {
      const body = await buffer(request);
      const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString('utf8');
      // One JSON array, or one object per line.
      const envelopes = text.startsWith('[') ? JSON.parse(text) : text.split('\n').map((line) => JSON.parse(line));
      received.push({ authorization: request.headers.authorization, envelopes });
      const itemsReceived = envelopes.length;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ itemsReceived, itemsAccepted: itemsReceived, errors: [] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const key = '11111111-2222-4333-8444-555555555555';
    connectionString = `InstrumentationKey=${key};IngestionEndpoint=https://localhost:${port}/`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('sends metrics and spans with a token of the identity, under the names that workbook and alerts use', async () => {
    const credential = {
      getToken: async () => ({ token: 'token-of-identity', expiresOnTimestamp: Date.now() + 3_600_000 }),
    };
    const exporters = createMonitorExporters({ connectionString, credential });
    const resource = resourceFromAttributes({ 'service.name': 'func-fleet' });
    const reader = new PeriodicExportingMetricReader({ exporter: exporters.metrics, exportIntervalMillis: 600_000 });
    const meters = new MeterProvider({ resource, readers: [reader] });
    meters.getMeter('fleet-orchestrator').createCounter('fleet.rows').add(3, { outcome: 'provisioned' });
    const processor = new SimpleSpanProcessor(exporters.spans);
    const tracers = new BasicTracerProvider({ resource, spanProcessors: [processor] });
    tracers
      .getTracer('fleet-orchestrator')
      .startSpan('5 issue', { attributes: { jobId: 'j' } })
      .end();
    await processor.forceFlush();
    await meters.shutdown();
    await tracers.shutdown();

    assert.ok(received.length > 0, 'nothing arrived');
    for (const { authorization } of received) assert.equal(authorization, 'Bearer token-of-identity');
    const sent = received.flatMap(({ envelopes }) => envelopes);
    const find = (wanted: (data: Envelope['data']) => boolean) => {
      const envelope = sent.find(({ data }) => wanted(data));
      assert.ok(envelope, JSON.stringify(sent));
      return envelope;
    };
    const points = (data: Envelope['data']) => (data.baseData['metrics'] ?? []) as { name: string; value: number }[];
    // The exporter adds its own metric, _OTELRESOURCE_.
    const rows = find((data) => points(data).some(({ name }) => name === 'fleet.rows'));
    assert.deepEqual(
      points(rows.data).map(({ value }) => value),
      [3],
    );
    assert.deepEqual(rows.data.baseData['properties'], { outcome: 'provisioned' });
    const span = find((data) => data.baseData['name'] === '5 issue');
    assert.equal(span.data.baseType, 'RemoteDependencyData');
    assert.equal(span.tags['ai.cloud.role'], 'func-fleet');
  });
});
