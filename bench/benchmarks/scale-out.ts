import { availableParallelism } from 'node:os';
import { type Benchmark, type Findings, measured, type Run, ratios } from '../benchmark.ts';
import { type BenchStack, withBenchStack } from '../harness/bench-stack.ts';
import { type CpuQuota, openCpuQuota } from '../harness/cpu-quota.ts';

const rowsPerJob = 20_000;
/** Enough for V8 to compile on each host. */
const warmUpRows = 10_000;
/** Share of a core that each functions host gets: so little that two hosts and the emulators leave some of two cores idle. */
const coresPerHost = 0.25;

export const scaleOut: Benchmark = {
  name: 'scale-out',
  what:
    'Devices per second from the upload of 20,000 rows to the completed job, with one functions host and with two on the same ' +
    `queues, in turn. Each host gets ${coresPerHost} of a core, by the CPU controller of Linux, because the emulators share the ` +
    'cores of this machine. The emulators are not limited. So this shows that hosts do not wait for each other. It does not ' +
    'show what an instance in Azure does. Skipped where the controller cannot be written.',

  async skip() {
    try {
      await openCpuQuota();
      return undefined;
    } catch (error) {
      return `it needs Linux, and the right to limit processes, which root has: ${(error as Error).message}`;
    }
  },

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    const rows = rowsPerJob * scale;
    const rate = { one: [] as number[], two: [] as number[] };
    const ofShare = { one: [] as number[], two: [] as number[] };
    const coresInUse: number[] = [];
    const quota = await openCpuQuota();
    try {
      await withStacks(async (stacks) => {
        // Not limited yet: compiling takes as long for two hosts as for one.
        for (const stack of Object.values(stacks)) await stack.run(warmUpRows * scale);
        for (const stack of Object.values(stacks)) await limitHosts(stack, quota);
        for (let round = 0; round < rounds; round++) {
          for (const name of ['one', 'two'] as const) {
            const { seconds, cpuSeconds } = await stacks[name].run(rows);
            const hosts = sum([...cpuSeconds].flatMap(([process, used]) => (isHost(process) ? [used] : [])));
            rate[name].push(rows / seconds);
            ofShare[name].push(hosts / seconds / (coresPerHost * (name === 'one' ? 1 : 2)));
            if (name === 'two') coresInUse.push(sum([...cpuSeconds.values()]) / seconds);
          }
          say(`  round ${round + 1}: one host ${rate.one.at(-1)?.toFixed(0)}/s, two ${rate.two.at(-1)?.toFixed(0)}/s`);
        }
      });
    } finally {
      await quota.remove();
    }
    const cores = availableParallelism();
    return {
      measurements: [
        measured('two hosts, of one', 'ratio', ratios(rate.two, rate.one), { atLeast: 1.7 }),
        measured('one host', 'devices/s', rate.one),
        measured('two hosts', 'devices/s', rate.two),
        measured('CPU time of one host, of its share', 'ratio', ofShare.one),
        measured('CPU time of two hosts, of their shares', 'ratio', ofShare.two),
        measured(`cores in use by all processes with two hosts, of ${cores}`, 'cores', coresInUse),
      ],
    };
  },
};

interface Stacks {
  readonly one: BenchStack;
  readonly two: BenchStack;
}

/** Two stacks of the same app, with one functions host and with two. */
function withStacks(work: (stacks: Stacks) => Promise<void>): Promise<void> {
  return withBenchStack({ hosts: 1 }, (one) => withBenchStack({ hosts: 2 }, (two) => work({ one, two })));
}

const isHost = (process: string): boolean => process.startsWith('functions');
const sum = (values: readonly number[]): number => values.reduce((all, each) => all + each, 0);

async function limitHosts({ stack }: BenchStack, quota: CpuQuota): Promise<void> {
  for (const [name, { pid }] of stack.processes)
    if (isHost(name) && pid !== undefined) await quota.limit(pid, coresPerHost);
}
