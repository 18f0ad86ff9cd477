import {
  type Attributes,
  type Counter,
  type Histogram,
  type MetricOptions,
  metrics as metricsApi,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/*
 * Spans and figures through the OpenTelemetry API alone: without an SDK all of this does nothing. functions/telemetry.ts
 * decides whether there is one.
 */

const scope = 'fleet-orchestrator';
const tracer = trace.getTracer(scope);

/** Runs one step of docs/LIFECYCLE.md as a span of its own; without an OpenTelemetry SDK it just runs. */
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

/** The figures of the fleet. infra/azure/app/workbook.json draws them by these names. */
export const metrics = {
  /** Rows by `outcome`: provisioned, unchanged, rejected, failed, cancelled. */
  rows: counter('fleet.rows', { description: 'Rows that were counted, by outcome', unit: '{row}' }),
  /** By `group`. Signed, whether the chunk was committed or another delivery was first. */
  certificates: counter('fleet.certificates', { description: 'Certificates signed', unit: '{certificate}' }),
  /** Rejected and failed rows by error `code`. */
  rejections: counter('fleet.rejections', { description: 'Rows that were refused, by error code', unit: '{row}' }),
  chunkDuration: histogram('fleet.chunk.duration', {
    description: 'From the message to the counted chunk',
    unit: 's',
    // Steps of the HTTP semantic convention, carried on to the minutes that a throttled chunk takes.
    advice: { explicitBucketBoundaries: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] },
  }),
  /** Runs of functions by `function` and `outcome`: succeeded, failed. */
  runDuration: histogram('fleet.run.duration', { description: 'How long a run of a function took', unit: 's' }),
  /** By HTTP `status`; `none` where no answer came. */
  dpsCalls: counter('fleet.dps.calls', { description: 'Calls of the DPS service API', unit: '{call}' }),
  /** By HTTP `status`. */
  hubCalls: counter('fleet.hub.calls', { description: 'Calls of IoT Hub', unit: '{call}' }),
  /** By `service`: blob, queue. Each try is one, as it is billed. */
  storageOperations: counter('fleet.storage.operations', { description: 'Storage transactions', unit: '{operation}' }),
  cosmosRequests: counter('fleet.cosmos.requests', { description: 'Cosmos DB requests', unit: '{request}' }),
  /** x-ms-request-charge, summed up. */
  requestUnits: counter('fleet.cosmos.request_units', { description: 'Cosmos DB request units', unit: '{RU}' }),
} as const;

/**
 * An instrument that is made when it is first used: the API hands out instruments that do nothing for ever to whoever asks
 * before the SDK is there, and modules are loaded before it is.
 */
function counter(name: string, options: MetricOptions): Pick<Counter, 'add'> {
  let made: Counter | undefined;
  return {
    add(value, attributes) {
      made ??= metricsApi.getMeter(scope).createCounter(name, options);
      made.add(value, attributes);
    },
  };
}

function histogram(name: string, options: MetricOptions): Pick<Histogram, 'record'> {
  let made: Histogram | undefined;
  return {
    record(value, attributes) {
      made ??= metricsApi.getMeter(scope).createHistogram(name, options);
      made.record(value, attributes);
    },
  };
}
