import type { TokenCredential } from '@azure/identity';
import { AzureMonitorMetricExporter, AzureMonitorTraceExporter } from '@azure/monitor-opentelemetry-exporter';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';

export interface MonitorOptions {
  /** Identifies the Application Insights resource. It is not a secret. */
  readonly connectionString: string;
  readonly credential: TokenCredential;
}

/** Exporters to Application Insights that authenticate with this app's identity. */
export function createMonitorExporters({ connectionString, credential }: MonitorOptions): {
  readonly spans: SpanExporter;
  readonly metrics: PushMetricExporter;
} {
  // Offline storage is useless: the disk goes with the instance.
  const options = { connectionString, credential, disableOfflineStorage: true };
  return { spans: new AzureMonitorTraceExporter(options), metrics: new AzureMonitorMetricExporter(options) };
}
