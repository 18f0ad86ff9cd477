import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessName } from '../../../infra/local/stack.ts';
import { type ChaosStack, withChaosStack } from '../chaos-stack.ts';
import { declareGroups, groups, post, retryUntilNoneFailed, upload, withRetries } from '../fleet.ts';
import { checkInvariants, type ExpectedJob } from '../invariants.ts';
import { makeManifest } from '../manifests.ts';
import type { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';
import { createTripwire, type Tripwire } from '../tripwire.ts';

/** Milliseconds after which a host is killed even if it has made too few requests. */
const longestLife = 4_000;

/**
 * Most requests that a host makes before it is killed. Few: within its first chunks. Many: after some twenty chunks, and so
 * that an upload can complete, which takes about 220 requests.
 */
const fewRequests = 80;
const manyRequests = 350;

const sizes = {
  short: { rows: 600, kills: 6, chunkRows: 25 },
  long: { rows: 5_000, kills: 50, chunkRows: 25 },
};

/** The Functions host is killed at random requests, right before or right after the service executes them. */
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
      const expected: ExpectedJob[] = [];
      const next = async () => {
        const name = `list-${expected.length + 1}.csv`;
        const dealtTo = [...groups.byCa, ...groups.byCa, groups.individual];
        const manifest = makeManifest(random, { rows, prefix: `kill${expected.length + 1}`, groups: dealtTo });
        expected.push({ name, rows: manifest.rows });
        await upload(chaos, name, manifest.csv);
      };
      await next();
      await killMany(chaos, tripwire, { random, hosts, kills, say, next });
      const again = await retryUntilNoneFailed(chaos, expected.length);
      const report = await checkInvariants(chaos, expected);
      return { ...report, metrics: { kills, ...again, ...report.metrics } };
    });
  };

export const kill = killing(['functions']);
export const killTwoHosts = killing(['functions', 'functions-2']);

interface Killing {
  readonly random: Random;
  readonly hosts: readonly ProcessName[];
  readonly kills: number;
  readonly say: (text: string) => void;
  /** Submits another manifest, so that the host has work. */
  readonly next: () => Promise<void>;
}

async function killMany(chaos: ChaosStack, tripwire: Tripwire, { random, hosts, kills, say, next }: Killing) {
  const { stack, observer } = chaos;
  let ended = 0;
  for (let number = 1; number <= kills; number++) {
    const name = hosts[random.between(0, hosts.length - 1)] ?? 'functions';
    const host = stack.process(name);
    const tripped = new Promise<void>((resolve) => {
      tripwire.arm(
        random.between(1, random.pick([fewRequests, manyRequests])),
        random.pick(['before', 'after']),
        () => void host.kill('SIGKILL').then(resolve),
      );
    });
    await Promise.race([tripped, sleep(longestLife)]);
    tripwire.disarm();
    await host.restart();
    const jobs = await observer.observe();
    say(`kill ${number} of ${kills}: ${name}; ${JSON.stringify(jobs.map(({ status, counts }) => [status, counts]))}`);
    const now = jobs.filter(({ finishedAt, status }) => finishedAt && status !== 'failed').length;
    if (now > ended && number < kills) await next();
    ended = Math.max(ended, now);
    // An upload whose host died five times is given up. An operator would redrive it.
    if (jobs.some(({ status }) => status === 'failed')) await withRetries(() => post(chaos, 'dead-letters/redrive'));
  }
}
