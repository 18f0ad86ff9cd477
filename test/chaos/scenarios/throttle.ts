import { withChaosStack } from '../chaos-stack.ts';
import { createFaults } from '../faults.ts';
import { declareGroups, groups, retryUntilNoneFailed, upload } from '../fleet.ts';
import { checkInvariants } from '../invariants.ts';
import { makeManifest } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';

const sizes = { short: 200, long: 2_000 };

/** Blob storage answers every fourth request with 429 and up to 4 s of Retry-After. Messages are redelivered after 1 s. */
export const throttle: Scenario = async ({ random, scale }) => {
  const none = { error: 0, reset: 0, lost: 0, half: 0, silent: 0, conflict: 0 };
  const faults = createFaults(random.fork('faults'), { ...none, throttled: 0.25 });
  const options = { leaseSeconds: 10, interfere: { blobs: faults.interfere('blobs') }, settings: { CHUNK_ROWS: '20' } };
  return withChaosStack(options, async (chaos) => {
    await declareGroups(chaos);
    const manifest = makeManifest(random, { rows: sizes[scale], prefix: 'throttle', groups: groups.byCa });
    await upload(chaos, 'list.csv', manifest.csv);
    const again = await retryUntilNoneFailed(chaos, 1);
    const report = await checkInvariants(chaos, [{ name: 'list.csv', rows: manifest.rows }]);
    const metrics = { ...again, ...report.metrics, ...faults.counts };
    return { problems: [...report.problems, ...faults.tooEarly], metrics };
  });
};
