import { createDriftDetector } from '../lib/pipeline/detect-drift.ts';
import type { SweepPorts } from '../lib/pipeline/sweep.ts';
import type { DpsInstance } from './dps-services.ts';
import type { Services } from './services.ts';

/** The services as the sweep of one DPS instance uses them: at its share of the quotas. */
export function sweepPorts(given: Services, { name, enrollments, fleet, sweepRateLimiter }: DpsInstance): SweepPorts {
  const { sweepEnrollments, places } = given.dps;
  const dps = { name, enrollments, rateLimiter: sweepRateLimiter };
  const ports = { ...given, dps, places, fleet, enrollments: sweepEnrollments };
  return { ...ports, observe: createDriftDetector(ports) };
}
