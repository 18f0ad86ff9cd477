import { DefaultAzureCredential } from '@azure/identity';
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { createMonitorExporters } from '../../lib/azure/monitor-exporters.ts';
import type { TelemetryConfig } from '../config.ts';
import { createConsoleExporters } from './console-exporters.ts';

/** Milliseconds between two exports of metrics. One minute is the resolution of metrics in Azure Monitor. */
const exportInterval = { azure: 60_000, console: 10_000 } as const;

/** Starts the OpenTelemetry SDK behind the API that lib/ uses. @returns a function that sends the rest and stops the SDK */
export function startTelemetry(config: TelemetryConfig): () => Promise<void> {
  const exporters =
    config.to === 'console'
      ? createConsoleExporters((line) => console.log(line))
      : createMonitorExporters({
          connectionString: config.connectionString,
          credential: new DefaultAzureCredential({ managedIdentityClientId: config.identityClientId }),
        });
  const { serviceName, instanceId } = config;
  const resource = resourceFromAttributes({ 'service.name': serviceName, 'service.instance.id': instanceId });
  const tracerProvider = new BasicTracerProvider({
    resource,
    // As the host decided for the run. Said here, since OTEL_TRACES_SAMPLER has a value for the host, which this SDK does not know.
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanProcessors: [new BatchSpanProcessor(exporters.spans)],
  });
  const reader = new PeriodicExportingMetricReader({
    exporter: exporters.metrics,
    exportIntervalMillis: exportInterval[config.to],
  });
  const meterProvider = new MeterProvider({ resource, readers: [reader] });

  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(tracerProvider);
  metrics.setGlobalMeterProvider(meterProvider);
  return async () => {
    await Promise.allSettled([tracerProvider.shutdown(), meterProvider.shutdown()]);
  };
}
