import { createRateLimiter, type RateLimiter } from '../../rate-limiter.ts';
import type { Call } from '../http/server.ts';
import { type HubOperation, hubOperations, type LinkedHub, type Settings } from '../options.ts';
import { createHubView, type DeviceRegistry, type HubView } from './device-registry.ts';
import { hubError } from './hub-error.ts';

/**
 * Authorizes a call, counts it against the limits of its hubs, and shows it their devices. A call to all hubs counts for each.
 * @param count number of devices of a bulk call. Default: 1
 * @throws ServiceError 401, 429
 */
export type ViewOf = (call: Call, operation: HubOperation, count?: number) => HubView;

export function createHubAccess({
  authorize,
  registry,
  settings: { hubLimits, now },
}: {
  authorize: (call: Call) => readonly LinkedHub[];
  registry: DeviceRegistry;
  settings: Pick<Settings, 'hubLimits' | 'now'>;
}): ViewOf {
  const limiters = new Map<HubOperation, RateLimiter>();
  for (const operation of hubOperations) {
    const limit = hubLimits[operation];
    if (!limit) continue;
    const { operations, seconds } = limit;
    limiters.set(operation, createRateLimiter({ limit: operations, windowMs: seconds * 1000, now }));
  }

  return (call, operation, count = 1) => {
    const view = createHubView(
      registry,
      authorize(call).map((hub) => hub.hostName),
    );
    const waits = view.hubs.map((hub) => limiters.get(operation)?.acquire(hub, count) ?? 0);
    if (waits.some((wait) => wait > 0)) throw throttled(operation);
    return view;
  };
}

/**
 * As seen at the service: https://github.com/Azure-Samples/Iot-Telemetry-Simulator/issues/39. It names CRUD for the registry, sends
 * no Retry-After, and always says ten seconds.
 */
function throttled(operation: HubOperation) {
  const type = operation === 'registry' ? 'CRUD' : operation;
  return hubError(
    'ThrottlingBacklogTimeout',
    `The request has been throttled. Wait 10 seconds and try again. Operation type: ${type}`,
  );
}
