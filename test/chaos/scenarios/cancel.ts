import { setTimeout as sleep } from 'node:timers/promises';
import { withChaosStack } from '../chaos-stack.ts';
import { countedOf, declareGroups, groups, post, settled, upload, withRetries } from '../fleet.ts';
import { checkInvariants } from '../invariants.ts';
import { makeManifest } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { createTripwire } from '../tripwire.ts';

const sizes = { short: { rows: 300, rounds: 1 }, long: { rows: 2_000, rounds: 6 } };

/**
 * Jobs are cancelled at random moments, and the host is killed right after. Chunks that have started finish, others are
 * dropped, and no device stays claimed. Submitting the list again provisions the rest.
 */
export const cancel: Scenario = async ({ random, scale, say }) => {
  const { rows, rounds } = sizes[scale];
  const tripwire = createTripwire();
  const { interfere } = tripwire;
  const options = {
    batchSize: 2,
    interfere: { blobs: interfere, queues: interfere, cosmos: interfere, dps: interfere },
    settings: { CHUNK_ROWS: '20', DPS_OPERATIONS_PER_MINUTE: '60000' },
    dpsArguments: ['--operations-per-minute', '60000'],
  };
  return withChaosStack(options, async (chaos) => {
    await declareGroups(chaos);
    const problems: string[] = [];
    const expected = [];
    const host = chaos.stack.process('functions');
    let dropped = 0;
    for (let round = 1; round <= rounds; round++) {
      const name = `cancelled-${round}.csv`;
      const manifest = makeManifest(random, {
        rows,
        prefix: `cancel${round}`,
        groups: [...groups.byCa, groups.individual],
      });
      await upload(chaos, name, manifest.csv);
      const named = async () => (await chaos.observer.observe()).find((each) => each['name' as never] === name);
      const share = random.between(0, Math.floor(rows / 2));
      for (
        let job = await named();
        job === undefined || job.counts.total === 0 || countedOf(job) < share;
        job = await named()
      )
        await sleep(20);
      const { jobId = '' } = (await named()) ?? {};
      const killed = new Promise<void>((resolve) => {
        tripwire.arm(
          random.between(5, 40),
          random.pick(['before', 'after']),
          () => void host.kill('SIGKILL').then(resolve),
        );
      });
      await post(chaos, `jobs/${jobId}/cancel`).catch((error: Error) => say(error.message));
      await Promise.race([killed, sleep(3_000)]);
      tripwire.disarm();
      await host.restart();
      await settled(chaos, 2 * round - 1);
      const job = await named();
      dropped += job?.counts.cancelled ?? 0;
      say(`round ${round}: ${job?.status} ${JSON.stringify(job?.counts)}`);
      const cancelled = job?.status === 'cancelled';
      if (cancelled) {
        const retry = await post(chaos, `jobs/${jobId}/retry`).then(
          () => 'taken',
          (error: Error) => error.message,
        );
        if (!retry.includes('409')) problems.push(`a retry of a cancelled job was ${retry}`);
      }
      expected.push({ name, rows: manifest.rows, cancelled });

      const again = `again-${round}.csv`;
      await upload(chaos, again, manifest.csv);
      await settled(chaos, 2 * round);
      expected.push({ name: again, rows: manifest.rows });
    }
    const healthy = await withRetries(() => chaos.api.get<{ status: string }>('health'));
    if (healthy.status === undefined) problems.push('no answer about health');
    const report = await checkInvariants(chaos, expected);
    return { problems: [...problems, ...report.problems], metrics: { rounds, dropped, ...report.metrics } };
  });
};
