import { setTimeout as sleep } from 'node:timers/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { type ChaosStack, type Service, withChaosStack } from '../chaos-stack.ts';
import { createDuplicator } from '../duplicator.ts';
import { createFaults } from '../faults.ts';
import { declareGroups, groups, retryUntilNoneFailed, upload } from '../fleet.ts';
import { sendHostileRequests } from '../hostile-http.ts';
import { checkInvariants, type ExpectedJob, type InvariantReport } from '../invariants.ts';
import { makeManifest } from '../manifests.ts';
import { chain } from '../proxy.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';
import { createTripwire } from '../tripwire.ts';

const sizes = { short: { rows: 240, kills: 3, hostile: 60 }, long: { rows: 5_000, kills: 50, hostile: 500 } };

/** Runs on the stack after the check of the invariants. */
export type Afterwards = (chaos: ChaosStack, expected: readonly ExpectedJob[]) => Promise<void>;

/** Everything at once: the host dies, services refuse, messages are duplicated. Then hostile requests, then the check. */
export const storm: Scenario = (context) => stormAnd(async () => {}, context);

export async function stormAnd(
  afterwards: Afterwards,
  { random, scale, say }: ScenarioContext,
): Promise<InvariantReport> {
  const { rows, kills, hostile } = sizes[scale];
  let connectionString = '';
  const tripwire = createTripwire();
  const faults = createFaults(
    random.fork('faults'),
    { throttled: 0.01, error: 0.01, reset: 0.01, lost: 0.01, half: 0.01, conflict: 0.02, silent: 0 },
    'request',
  );
  const duplicator = createDuplicator({
    random: random.fork('copies'),
    queueOf: (name) => QueueServiceClient.fromConnectionString(connectionString).getQueueClient(name),
    latestSeconds: 3,
  });
  const bad = (service: Service) => chain(tripwire.interfere, faults.interfere(service));
  const options = {
    batchSize: 2,
    interfere: {
      ...{ blobs: bad('blobs'), cosmos: bad('cosmos'), dps: bad('dps') },
      queues: chain(bad('queues'), duplicator.interfere),
    },
    settings: { CHUNK_ROWS: '20' },
  };
  return withChaosStack(options, async (chaos) => {
    connectionString = chaos.stack.storageConnectionString;
    await declareGroups(chaos);
    const manifest = makeManifest(random, { rows, prefix: 'storm', groups: groups.byCa });
    await upload(chaos, 'list.csv', manifest.csv);
    const host = chaos.stack.process('functions');
    for (let number = 1; number <= kills; number++) {
      const tripped = new Promise<void>((resolve) => {
        tripwire.arm(
          random.between(30, 150),
          random.pick(['before', 'after']),
          () => void host.kill('SIGKILL').then(resolve),
        );
      });
      await Promise.race([tripped, sleep(4_000)]);
      tripwire.disarm();
      await host.restart();
      say(`kill ${number} of ${kills}`);
    }
    const again = await retryUntilNoneFailed(chaos, 1);
    faults.stop();
    const attacked = await sendHostileRequests(chaos, random.fork('hostile'), hostile);
    await retryUntilNoneFailed(chaos, 1);
    const expected = [{ name: 'list.csv', rows: manifest.rows }];
    const report = await checkInvariants(chaos, expected);
    await afterwards(chaos, expected);
    const refused = Object.values(faults.counts).reduce((sum, count) => sum + count, 0);
    return {
      problems: [...report.problems, ...faults.tooEarly, ...attacked.problems],
      metrics: { kills, refused, ...again, ...duplicator.metrics, ...report.metrics, ...attacked.metrics },
    };
  });
}
