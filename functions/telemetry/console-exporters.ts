import {
  AggregationTemporality,
  DataPointType,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';

/** Prints one line per span and one per metric. The console exporters of the SDK print a page for each. */
export function createConsoleExporters(print: (line: string) => void): {
  readonly spans: SpanExporter;
  readonly metrics: PushMetricExporter;
} {
  return {
    spans: {
      export(spans, done) {
        for (const span of spans) print(spanLine(span));
        done({ code: 0 });
      },
      async shutdown() {},
    },
    metrics: {
      export(metrics, done) {
        for (const line of metricLines(metrics)) print(line);
        done({ code: 0 });
      },
      // Changes since the last print. Totals would hide them after an hour.
      selectAggregationTemporality: () => AggregationTemporality.DELTA,
      async forceFlush() {},
      async shutdown() {},
    },
  };
}

function spanLine({ name, duration: [seconds, nanoseconds], attributes, status }: ReadableSpan): string {
  const milliseconds = (seconds * 1e3 + nanoseconds / 1e6).toFixed(1);
  return `span ${name} ${milliseconds} ms${status.code === 2 ? ' failed' : ''} ${JSON.stringify(attributes)}`;
}

function* metricLines({ scopeMetrics }: ResourceMetrics): Generator<string> {
  for (const { descriptor, dataPoints, dataPointType } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
    for (const { attributes, value } of dataPoints) {
      const text =
        dataPointType === DataPointType.HISTOGRAM
          ? `${(value as { count: number }).count} times, ${((value as { sum?: number }).sum ?? 0).toFixed(3)} in all`
          : String(value);
      yield `figure ${descriptor.name} ${text} ${JSON.stringify(attributes)}`;
    }
  }
}
