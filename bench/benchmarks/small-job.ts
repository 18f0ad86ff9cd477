import { setTimeout as sleep } from 'node:timers/promises';
import { localPolling, pollingSetting } from '../../infra/local/settings.ts';
import { type Benchmark, type Findings, type Measurement, type Run, single } from '../benchmark.ts';
import { type BenchStack, withBenchStack } from '../harness/bench-stack.ts';

/** Jobs of each size. Their 95th percentile is a result only with all of them. */
const jobs = 20;
/** Enough for V8 to compile the host, the SDKs and the path of a chunk. */
const warmUp = { rows: 5_000, jobs: 5 };
/** Milliseconds before each upload. All queues are polled at their longest interval again by then. */
const idle = 1_500;

const sizes = [
  { rows: 1_000, bar: 0.5 },
  { rows: 1, bar: 0.25 },
];

export const smallJob: Benchmark = {
  name: 'small-job',
  what:
    'Seconds from the start of the upload to the completed job, on a stack that was idle before: the local stack as ' +
    '`npm start` runs it. The 95th percentile of 20 jobs of each size.',

  async run({ scale, say }: Run): Promise<Findings> {
    const count = Math.max(2, Math.round(jobs * scale));
    return withBenchStack({ settings: { [pollingSetting]: localPolling } }, async (bench) => {
      await bench.run(warmUp.rows);
      for (const { rows } of sizes) for (let job = 0; job < warmUp.jobs; job++) await bench.run(rows);
      const measurements: Measurement[] = [];
      for (const { rows, bar } of sizes) {
        const seconds = await durations(bench, rows, count);
        const name = `${rows.toLocaleString('en')} ${rows === 1 ? 'row' : 'rows'}`;
        measurements.push(
          single(`${name}, 95th percentile`, 's', percentile(seconds, 0.95), { atMost: bar }),
          single(`${name}, median`, 's', percentile(seconds, 0.5)),
        );
        say(`  ${name}: ${seconds.map((each) => each.toFixed(2)).join(' ')}`);
      }
      return { measurements };
    });
  },
};

/** @returns seconds from the upload to the end of each job, sorted */
async function durations(bench: BenchStack, rows: number, count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    await sleep(idle);
    found.push((await bench.run(rows)).seconds);
  }
  return found.sort((a, b) => a - b);
}

/** The smallest value that at least this share of the values does not exceed. @param sorted smallest first */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}
