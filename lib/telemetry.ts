import {
  type Attributes,
  type Counter,
  type Gauge,
  type Histogram,
  type MetricOptions,
  metrics as metricsApi,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/*
 * Spans and metrics through the OpenTelemetry API. Without an SDK all of this does nothing; functions/telemetry.ts decides
 * whether there is one.
 */

const scope = 'fleet-orchestrator';
const tracer = trace.getTracer(scope);

/** Runs one step of docs/LIFECYCLE.md in a span. @throws the error of `work`, which the span records as its status */
export function step<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** @returns the id of the current trace, 32 hex digits; undefined outside of one */
export function currentTraceId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId;
}

/** The metrics of the app. infra/azure/app/workbook.json shows them by these names. */
export const metrics = {
  /** Rows by `outcome`: provisioned, unchanged, rejected, failed, cancelled. */
  rows: counter('fleet.rows', { description: 'Rows that were counted, by outcome', unit: '{row}' }),
  /** By `group`. Signed certificates, also when another delivery of the chunk was committed first. */
  certificates: counter('fleet.certificates', { description: 'Certificates signed', unit: '{certificate}' }),
  /** By `group`. Device certificates that end soon, as lib/pipeline/warn-of-expiring-certificates.ts counts them. */
  endingCertificates: gauge('fleet.certificates.ending', {
    description: 'Device certificates that end soon',
    unit: '{certificate}',
  }),
  /** By `kind` and `severity`, at the end of each sweep. */
  openFindings: gauge('fleet.findings.open', {
    description: 'Open findings: differences between the records and Azure',
    unit: '{finding}',
  }),
  /** Rejected and failed rows by error `code`. */
  rejections: counter('fleet.rejections', { description: 'Rows that were refused, by error code', unit: '{row}' }),
  chunkDuration: histogram('fleet.chunk.duration', {
    description: 'From the message to the counted chunk',
    unit: 's',
    // Boundaries of the HTTP semantic convention, extended to the minutes that a throttled chunk takes.
    advice: { explicitBucketBoundaries: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] },
  }),
  /** Runs of functions by `function` and `outcome`: succeeded, failed. */
  runDuration: histogram('fleet.run.duration', { description: 'How long a run of a function took', unit: 's' }),
  /** By HTTP `status`; `none` when no answer came. */
  dpsCalls: counter('fleet.dps.calls', { description: 'Calls of the DPS service API', unit: '{call}' }),
  /** By HTTP `status`. */
  hubCalls: counter('fleet.hub.calls', { description: 'Calls of IoT Hub', unit: '{call}' }),
  /** By `service`: blob, queue. Each attempt counts, as it is billed. */
  storageOperations: counter('fleet.storage.operations', { description: 'Storage transactions', unit: '{operation}' }),
  cosmosRequests: counter('fleet.cosmos.requests', { description: 'Cosmos DB requests', unit: '{request}' }),
  /** Sum of x-ms-request-charge. */
  requestUnits: counter('fleet.cosmos.request_units', { description: 'Cosmos DB request units', unit: '{RU}' }),
} as const;

/** Created on first use: instruments that are obtained before the SDK is registered never record anything. */
function counter(name: string, options: MetricOptions): Pick<Counter, 'add'> {
  let created: Counter | undefined;
  return {
    add(value, attributes) {
      created ??= metricsApi.getMeter(scope).createCounter(name, options);
      created.add(value, attributes);
    },
  };
}

function gauge(name: string, options: MetricOptions): Pick<Gauge, 'record'> {
  let created: Gauge | undefined;
  return {
    record(value, attributes) {
      created ??= metricsApi.getMeter(scope).createGauge(name, options);
      created.record(value, attributes);
    },
  };
}

function histogram(name: string, options: MetricOptions): Pick<Histogram, 'record'> {
  let created: Histogram | undefined;
  return {
    record(value, attributes) {
      created ??= metricsApi.getMeter(scope).createHistogram(name, options);
      created.record(value, attributes);
    },
  };
}
