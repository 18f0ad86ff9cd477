import { setTimeout as sleep } from 'node:timers/promises';
import { withChaosStack } from '../chaos-stack.ts';
import { declareGroups, groups, settled, upload } from '../fleet.ts';
import { checkInvariants } from '../invariants.ts';
import { makeManifest } from '../manifests.ts';
import { createRetryAfterWatch } from '../retry-after.ts';
import type { Scenario } from '../scenario.ts';

const sizes = {
  short: { rows: 60, quota: 8 },
  // About 80 calls with 10 enrollments each: more than the quota of a minute.
  long: { rows: 1_600, quota: 60 },
};

/** DPS accepts `quota` operations per minute, Cosmos DB 400 RU/s. The job slows down, nothing fails, the API answers. */
export const pressure: Scenario = async ({ random, scale }) => {
  const { rows, quota } = sizes[scale];
  const watch = createRetryAfterWatch();
  const options = {
    interfere: { dps: watch.interfere, cosmos: watch.interfere },
    // The app's rate limiter assumes the full quota, so that DPS has to throttle it.
    settings: { CHUNK_ROWS: '50', DPS_OPERATIONS_PER_MINUTE: '1000' },
    dpsArguments: ['--operations-per-minute', String(quota)],
    cosmosArguments: ['--ru-per-second', '400'],
    leaseSeconds: 10,
  };
  return withChaosStack(options, async (chaos) => {
    await declareGroups(chaos);
    const manifest = makeManifest(random, { rows, prefix: 'press', groups: [groups.byCa[0], groups.individual] });
    await upload(chaos, 'list.csv', manifest.csv);
    const problems: string[] = [];
    const ending = new AbortController();
    const waits: number[] = [];
    const asking = ask();
    async function ask(): Promise<void> {
      while (!ending.signal.aborted) {
        for (const path of ['jobs', 'enrollment-groups', `devices/${manifest.rows[0]?.deviceId}`]) {
          const began = Date.now();
          await chaos.api.get(path).catch((error: Error) => {
            if (!/answered 404/.test(error.message)) problems.push(error.message);
          });
          waits.push(Date.now() - began);
        }
        await sleep(500, undefined, { signal: ending.signal }).catch(() => undefined);
      }
    }
    const [job] = await settled(chaos, 1);
    ending.abort();
    await asking;
    if (job?.counts.failed !== 0) problems.push(`${job?.counts.failed} rows failed`);
    if (watch.throttled.dps === 0) problems.push('DPS never answered 429');
    const report = await checkInvariants(chaos, [{ name: 'list.csv', rows: manifest.rows }]);
    if (report.metrics['letters'] !== 0) problems.push(`${report.metrics['letters']} messages were given up`);
    const metrics = {
      dpsThrottled: watch.throttled.dps,
      cosmosThrottled: watch.throttled.cosmos,
      answers: waits.length,
      slowestAnswer: Math.max(...waits),
    };
    return {
      problems: [...problems, ...watch.tooEarly, ...report.problems],
      metrics: { ...metrics, ...report.metrics },
    };
  });
};
