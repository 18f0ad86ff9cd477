import { DefaultAzureCredential } from '@azure/identity';
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createMonitorExporters } from '../../lib/azure/monitor-exporters.ts';
import type { TelemetrySettings } from '../config.ts';
import { createConsoleExporters } from './console-exporters.ts';

/** Figures are sent once a minute, the grain of metrics in Azure Monitor; printed ones every 10 s. */
const intervals = { azure: 60_000, console: 10_000 } as const;

/** Puts an OpenTelemetry SDK behind the API that lib/ speaks. @returns a function that sends what is left, and ends it */
export function startTelemetry(settings: Exclude<TelemetrySettings, { to: 'nobody' }>): () => Promise<void> {
  const exporters =
    settings.to === 'console'
      ? createConsoleExporters((line) => console.log(line))
      : createMonitorExporters({
          connectionString: settings.connectionString,
          credential: new DefaultAzureCredential({ managedIdentityClientId: settings.identityClientId }),
        });
  const { serviceName, instanceId } = settings;
  const resource = resourceFromAttributes({ 'service.name': serviceName, 'service.instance.id': instanceId });
  const tracerProvider = new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(exporters.spans)],
  });
  const reader = new PeriodicExportingMetricReader({
    exporter: exporters.metrics,
    exportIntervalMillis: intervals[settings.to],
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
