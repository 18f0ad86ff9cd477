import { app, type PreInvocationContext } from '@azure/functions';
import { propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { metrics } from '../lib/telemetry.ts';
import { readEarlyConfig, type TelemetryConfig } from './config.ts';
import { logLine } from './log.ts';

/*
 * Telemetry of the app: the spans and metrics of lib/telemetry.ts. The log is not part of it: the host sends what the app logs.
 * So the capability WorkerOpenTelemetryEnabled, which tells the host not to, stays off.
 *
 * The SDK is loaded only when telemetry has a destination, and after the functions are registered. The start of the host does
 * not wait for it; the first run does.
 */
const { telemetry } = readEarlyConfig();
if (telemetry !== undefined) {
  let starting: Promise<() => Promise<void>> | undefined;
  const started = () => (starting ??= start(telemetry));
  app.hook.appStart(() => void started());
  app.hook.preInvocation(async (hook) => {
    await started();
    joinTrace(hook);
  });
  app.hook.appTerminate(async () => {
    const stop = await started();
    await stop();
  });
}

/** Never throws: devices are provisioned without telemetry too. @returns a function that sends the rest and stops */
async function start(config: TelemetryConfig): Promise<() => Promise<void>> {
  try {
    const sdk = await import('./telemetry/sdk.ts');
    return sdk.startTelemetry(config);
  } catch (error) {
    console.error(logLine('telemetry not started', { cause: String(error) }));
    return async () => {};
  }
}

/**
 * Makes the run a span below the one that the host began (https://www.w3.org/TR/trace-context/), so that the steps of a chunk
 * show under the message that caused them.
 */
function joinTrace(hook: PreInvocationContext): void {
  const run = hook.functionHandler;
  const { functionName, traceContext, invocationId } = hook.invocationContext;
  const parent = propagation.extract(ROOT_CONTEXT, { traceparent: traceContext?.traceParent });
  const tracer = trace.getTracer('fleet-orchestrator');
  hook.functionHandler = (...args) => {
    const attributes = { 'faas.invocation_id': invocationId };
    return tracer.startActiveSpan(functionName, { attributes }, parent, async (span) => {
      const began = performance.now();
      let outcome = 'failed';
      try {
        const result = await run(...args);
        // A queue or timer function throws its failures; an HTTP function answers them (functions/http/respond.ts).
        outcome = ((result as { status?: number } | undefined)?.status ?? 200) >= 500 ? 'failed' : 'succeeded';
        return result;
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
        metrics.runDuration.record((performance.now() - began) / 1000, { function: functionName, outcome });
      }
    });
  };
}
