import type { TokenCredential } from '@azure/identity';
import { AzureMonitorMetricExporter, AzureMonitorTraceExporter } from '@azure/monitor-opentelemetry-exporter';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';

export interface MonitorOptions {
  /** Names the Application Insights resource; it lets nobody in. */
  readonly connectionString: string;
  readonly credential: TokenCredential;
}

/** Exporters to Application Insights, by this app's identity. */
export function createMonitorExporters({ connectionString, credential }: MonitorOptions): {
  readonly spans: SpanExporter;
  readonly metrics: PushMetricExporter;
} {
  // Nothing is kept on the disk of an instance that will be gone.
  const options = { connectionString, credential, disableOfflineStorage: true };
  return { spans: new AzureMonitorTraceExporter(options), metrics: new AzureMonitorMetricExporter(options) };
}
