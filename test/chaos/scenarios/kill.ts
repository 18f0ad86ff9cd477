import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessName } from '../../../infra/local/stack.ts';
import { type ChaosStack, withChaosStack } from '../chaos-stack.ts';
import { declareGroups, groups, retryUntilNoneFailed, upload } from '../fleet.ts';
import { closeBooks } from '../ledger.ts';
import { makeManifest } from '../manifests.ts';
import type { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';
import { createTripwire, type Tripwire } from '../tripwire.ts';

/** A host that has nothing left to do trips nothing; then it is killed as it stands. */
const longestLife = 4_000;

/** Requests that a host makes before it is killed, at most: some ten chunks. */
const mostRequests = 120;

const sizes = {
  short: { rows: 600, kills: 6, chunkRows: 25 },
  long: { rows: 5_000, kills: 50, chunkRows: 25 },
};

/** The Functions host is killed at requests drawn by chance, right before or right after the service has done them. */
const killing =
  (hosts: readonly ProcessName[]): Scenario =>
  async ({ random, scale, say }) => {
    const { rows, kills, chunkRows } = sizes[scale];
    const tripwire = createTripwire();
    const { interfere } = tripwire;
    const options = {
      ...{ hosts: hosts.length, leaseSeconds: 2, batchSize: 2 },
      interfere: { blobs: interfere, queues: interfere, cosmos: interfere, dps: interfere },
      settings: { CHUNK_ROWS: String(chunkRows), DPS_OPERATIONS_PER_MINUTE: '60000' },
      dpsArguments: ['--operations-per-minute', '60000'],
    };
    return withChaosStack(options, async (chaos) => {
      await declareGroups(chaos);
      const manifest = makeManifest(random, {
        ...{ rows, prefix: 'kill' },
        groups: [...groups.byCa, ...groups.byCa, groups.individual],
      });
      await upload(chaos, 'list.csv', manifest.csv);
      await killMany(chaos, tripwire, { random, hosts, kills, say });
      const again = await retryUntilNoneFailed(chaos, 1);
      const ledger = await closeBooks(chaos, [{ name: 'list.csv', rows: manifest.rows }]);
      return { ...ledger, figures: { kills, ...again, ...ledger.figures } };
    });
  };

export const kill = killing(['functions']);
export const killTwoHosts = killing(['functions', 'functions-2']);

interface Killing {
  readonly random: Random;
  readonly hosts: readonly ProcessName[];
  readonly kills: number;
  readonly say: (text: string) => void;
}

async function killMany({ stack, observer }: ChaosStack, tripwire: Tripwire, { random, hosts, kills, say }: Killing) {
  for (let number = 1; number <= kills; number++) {
    const name = hosts[random.between(0, hosts.length - 1)] ?? 'functions';
    const host = stack.process(name);
    const tripped = new Promise<void>((resolve) => {
      tripwire.arm(
        random.between(1, mostRequests),
        random.pick(['before', 'after']),
        () => void host.kill('SIGKILL').then(resolve),
      );
    });
    await Promise.race([tripped, sleep(longestLife)]);
    tripwire.disarm();
    await host.restart();
    const [job] = await observer.look();
    say(`kill ${number} of ${kills}: ${name}; ${JSON.stringify(job?.counts ?? {})}`);
  }
}
