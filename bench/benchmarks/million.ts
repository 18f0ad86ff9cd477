import { type Benchmark, type Findings, measured, type Run, ratios } from '../benchmark.ts';
import { type BenchStack, withBenchStack } from '../harness/bench-stack.ts';
import { checkBooks } from '../harness/books.ts';
import { percentile, watch } from '../harness/latency.ts';

const sizes = [100_000, 1_000_000] as const;
const warmUpRows = 2_000;
/** Devices of before that are asked for. */
const watchedDevices = 1_000;

/** A job of one size. */
interface Watched {
  /** Microseconds per device. */
  readonly time: number;
  /** Peak memory of the functions process, MiB. */
  readonly memory: number;
  /** p99 of p50 of the status of the job, and of devices. */
  readonly status: number;
  readonly devices: number;
  /** Milliseconds. */
  readonly statusP99: number;
  readonly devicesP99: number;
  /** Where the count of everything differs. */
  readonly faults: number;
}

export const million: Benchmark = {
  name: 'million',
  what:
    'One manifest of 1,000,000 rows, beside one of 100,000, with one functions host and all emulators on the same cores. Each ' +
    'has a new functions process with the V8 heap of a small instance. Two clients watch: one asks for the status of the job, ' +
    'the other for devices, each 0.1 s after the last answer. Afterwards everything is counted again from the records, the ' +
    'archives and the reports; one bundle of 100 is unpacked and its certificate read. Takes 20 GB of disk.',

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    const jobs = sizes.map(() => [] as Watched[]);
    for (let round = 0; round < rounds; round++) {
      await withBenchStack({ heap: 'small' }, async (bench) => {
        for (const [index, size] of sizes.entries()) {
          const rows = size * scale;
          const done = await runWatched(bench, rows, say);
          jobs[index]?.push(done);
          const { time, memory, statusP99, devicesP99, faults } = done;
          say(
            `  round ${round + 1}, ${rows.toLocaleString('en')} rows: ${time.toFixed(0)} us each, ${memory.toFixed(0)} MiB, ` +
              `p99 of status ${statusP99.toFixed(0)} ms, of devices ${devicesP99.toFixed(0)} ms; ${faults} faults`,
          );
        }
      });
    }
    const of = (index: number, key: keyof Watched) => (jobs[index] ?? []).map((job) => job[key]);
    return {
      measurements: [
        measured('time per device, 1,000,000 to 100,000 rows', 'ratio', ratios(of(1, 'time'), of(0, 'time')), {
          atMost: 1.1,
        }),
        measured('memory, 1,000,000 rows', 'MiB', of(1, 'memory'), { atMost: 256 }),
        measured('status: p99 of p50', 'ratio', of(1, 'status'), { atMost: 5 }),
        measured('device: p99 of p50', 'ratio', of(1, 'devices'), { atMost: 5 }),
        measured('rows whose record, certificate, archive, report or count differs', 'rows', of(1, 'faults'), {
          atMost: 0,
        }),
        measured('time per device, 1,000,000 rows', 'us', of(1, 'time')),
        measured('time per device, 100,000 rows', 'us', of(0, 'time')),
        measured('memory, 100,000 rows', 'MiB', of(0, 'memory')),
        measured('status: p99', 'ms', of(1, 'statusP99')),
        measured('device: p99', 'ms', of(1, 'devicesP99')),
      ],
    };
  },
};

async function runWatched(bench: BenchStack, rows: number, say: Run['say']): Promise<Watched> {
  await bench.stack.process('functions').restart();
  const before = await bench.submit(warmUpRows);
  await bench.ended(before.jobId, warmUpRows);
  const { jobId, began, deviceIds } = await bench.submit(rows);
  await bench.begun(jobId);
  const ended = bench.ended(jobId, rows);
  const known = Array.from({ length: watchedDevices }, (_, index) => `devices/${before.deviceIds(index + 1)}`);
  const [{ finishedAt = '' }, status, devices] = await Promise.all([
    ended,
    watch(bench, [`jobs/${jobId}`], ended),
    watch(bench, known, ended),
  ]);
  const memory = await bench.peak();
  const { faults, told } = await checkBooks(bench.stack, { jobId, rows, deviceIds });
  for (const text of told) say(`  ${text}`);
  const ratio = (times: readonly number[]) => percentile(times, 0.99) / percentile(times, 0.5);
  return {
    time: ((Date.parse(finishedAt) - began) * 1000) / rows,
    ...{ memory, faults },
    ...{ status: ratio(status), statusP99: percentile(status, 0.99) },
    ...{ devices: ratio(devices), devicesP99: percentile(devices, 0.99) },
  };
}
