import { type Benchmark, type Findings, measured, type Run, ratios } from '../benchmark.ts';
import { withBenchStack } from '../harness/bench-stack.ts';

const sizes = [1_000, 10_000, 100_000] as const;
const warmUpRows = 2_000;

export const growth: Benchmark = {
  name: 'growth',
  what:
    'Time per device, and peak memory of the functions process (VmHWM), for jobs of three sizes. Each job has a new ' +
    'process with the V8 heap of a small instance (bench/harness/bench-stack.ts).',

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    const times = sizes.map(() => [] as number[]);
    const peaks = sizes.map(() => [] as number[]);
    for (let round = 0; round < rounds; round++) {
      await withBenchStack({ heap: 'small' }, async (bench) => {
        for (const [index, size] of sizes.entries()) {
          await bench.stack.process('functions').restart();
          await bench.run(warmUpRows * scale);
          const { seconds, rows } = await bench.run(size * scale);
          times[index]?.push((seconds * 1e6) / rows);
          peaks[index]?.push(await bench.peak());
        }
      });
      const seen = sizes.map(
        (size, index) =>
          `${size} rows ${times[index]?.at(-1)?.toFixed(0)} us each, ${peaks[index]?.at(-1)?.toFixed(0)} MiB`,
      );
      say(`  round ${round + 1}: ${seen.join('; ')}`);
    }
    const [, timeOf10k = [], timeOf100k = []] = times;
    const [, peakOf10k = [], peakOf100k = []] = peaks;
    return {
      measurements: [
        measured('time per device, 100,000 to 10,000 rows', 'ratio', ratios(timeOf100k, timeOf10k), { atMost: 1.3 }),
        measured('memory, 100,000 to 10,000 rows', 'ratio', ratios(peakOf100k, peakOf10k), { atMost: 1.2 }),
        measured('memory, 100,000 rows', 'MiB', peakOf100k, { atMost: 256 }),
        measured('memory, 10,000 rows', 'MiB', peakOf10k),
        ...sizes.map((size, index) =>
          measured(`time per device, ${size.toLocaleString('en')} rows`, 'us', times[index] ?? []),
        ),
      ],
    };
  },
};
