import { withChaosStack } from '../chaos-stack.ts';
import { createFaults } from '../faults.ts';
import { declareGroups, groups, retryUntilNoneFailed, settled, upload } from '../fleet.ts';
import { checkInvariants } from '../invariants.ts';
import { makeManifest } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';

const sizes = { short: { rows: 200, silent: 0 }, long: { rows: 3_000, silent: 0.001 } };

const refusing =
  (keyVault: boolean): Scenario =>
  async ({ random, scale }) => {
    const { rows: all, silent } = sizes[scale];
    // With keys in a vault each signature is a request, of which one in eleven fails.
    const rows = keyVault ? Math.floor(all / 5) : all;
    const faults = createFaults(random.fork('faults'), {
      ...{ throttled: 0.02, error: 0.02, reset: 0.01, lost: 0.01, half: 0.01, conflict: 0.02 },
      silent,
    });
    const options = {
      ...{ leaseSeconds: 10, keyVault },
      interfere: {
        blobs: faults.interfere('blobs'),
        queues: faults.interfere('queues'),
        cosmos: faults.interfere('cosmos'),
        dps: faults.interfere('dps'),
        keyVault: faults.interfere('keyVault'),
      },
      settings: { CHUNK_ROWS: '25', DPS_OPERATIONS_PER_MINUTE: '60000' },
      dpsArguments: ['--operations-per-minute', '60000'],
    };
    return withChaosStack(options, async (chaos) => {
      await declareGroups(chaos);
      const manifest = makeManifest(random, { rows, prefix: 'refuse', groups: [...groups.byCa, groups.individual] });
      await upload(chaos, 'list.csv', manifest.csv);
      const [job] = await settled(chaos, 1);
      const failedAtFirst = job?.counts.failed ?? 0;
      faults.stop();
      const again = await retryUntilNoneFailed(chaos, 1);
      const report = await checkInvariants(chaos, [{ name: 'list.csv', rows: manifest.rows }]);
      const refused = Object.values(faults.counts).reduce((sum, count) => sum + count, 0);
      return {
        problems: [...report.problems, ...faults.tooEarly],
        metrics: { refused, failedAtFirst, ...again, ...report.metrics, ...faults.counts },
      };
    });
  };

/** One request in eleven to each service is refused, fails, or is executed and its answer lost; some get no answer. */
export const refuse = refusing(false);
export const refuseKeyVault = refusing(true);
