import { createDriftDetector } from '../lib/pipeline/detect-drift.ts';
import type { SweepPorts } from '../lib/pipeline/sweep.ts';
import type { Services } from './services.ts';

/** The services as one sweep uses them: at its share of the quotas. */
export function sweepPorts(given: Services): SweepPorts {
  const ports = { ...given, rateLimiter: given.sweepRateLimiter };
  return { ...ports, observe: createDriftDetector(ports) };
}
