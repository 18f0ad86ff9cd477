import { availableParallelism } from 'node:os';
import { type Benchmark, type Findings, measured, median, type Profile, type Run, ratios } from '../benchmark.ts';
import { type BenchStack, type FinishedJob, withBenchStack } from '../harness/bench-stack.ts';
import { inProfile, summarise } from '../harness/profile.ts';
import { startSubject } from '../harness/subject.ts';
import { createOpensslIssuer } from '../subjects/openssl-issuer.ts';

const rowsPerJob = 20_000;
/** Enough for V8 to compile the host, the SDKs and the path of a chunk. */
const warmUpRows = 5_000;
/** Devices per round of the loops, which are too slow for more. */
const loopDevices = 100;

/**
 * Empty queues are polled as often as host.json says. The local stack polls eight times as often, and its host does that in the
 * functions process; in Azure the host is a process of its own.
 */
const deployedPolling = { AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:02' };

export const chunkCpu: Benchmark = {
  name: 'chunk-cpu',
  what:
    'CPU time (user and system) of the functions process per device, over jobs of 20,000 rows, from the queue ' +
    'message to the counted chunk. The limit is the CPU time of `generateKeys()` and `crypto.sign`.',

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    const rows = rowsPerJob * scale;
    const perDevice: number[] = [];
    const limit: number[] = [];
    await withBenchStack({ settings: deployedPolling }, async (bench) => {
      await bench.run(warmUpRows * scale);
      for (let round = 0; round < rounds; round++) {
        const { cpuSeconds } = await bench.run(rows);
        perDevice.push(((cpuSeconds.get('functions') ?? Number.NaN) * 1e6) / rows);
        limit.push(await limitCpu());
        say(
          `  round ${round + 1}: ${perDevice.at(-1)?.toFixed(0)} us per device, limit ${limit.at(-1)?.toFixed(0)} us`,
        );
      }
    });
    const measurements = [
      measured("of the limit's CPU", 'ratio', ratios(perDevice, limit), { atMost: 2.5 }),
      measured('functions process, per device', 'us', perDevice),
      measured('limit, per certificate', 'us', limit),
    ];
    return measurements[0]?.met ? { measurements } : { measurements, profile: await profileOfJob(rows) };
  },
};

async function limitCpu(): Promise<number> {
  const subject = await startSubject({ name: 'p256-limit', batch: 64 });
  await subject.measure(300);
  const { cpuMicroseconds } = await subject.measure(700);
  await subject.end();
  return cpuMicroseconds;
}

/** Profiles the functions process over one job. */
function profileOfJob(rows: number): Promise<Profile> {
  return inProfile(async (directory) => {
    // Only the functions process gets this setting. It writes the profile when it ends.
    const settings = { ...deployedPolling, NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${directory}` };
    return withBenchStack({ settings }, async (bench) => {
      await bench.run(rows);
      await bench.stack.process('functions').kill('SIGTERM');
      // Before the app and its source maps are deleted.
      return summarise(directory, `the functions process, over a job of ${rows} rows`);
    });
  });
}

export const pipeline: Benchmark = {
  name: 'pipeline',
  what:
    'Devices per second from the upload of 20,000 rows to the completed job, with one functions host and with two, ' +
    'and all emulators on the same cores. The loops issue one device after another with openssl and upload the ' +
    'result, without records. The three steps are those of most guides.',

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    const rows = rowsPerJob * scale;
    const byOne: number[] = [];
    const byTwo: number[] = [];
    const oneProcess: number[] = [];
    const threeProcesses: number[] = [];
    const cpu = new Map<string, number[]>();
    const issuer = await createOpensslIssuer();
    await withBenchStack({}, async (bench) => {
      await bench.run(warmUpRows * scale);
      for (let round = 0; round < rounds; round++) {
        byOne.push(rows / (await bench.run(rows)).seconds);
        say(`  round ${round + 1}: one host ${byOne.at(-1)?.toFixed(0)}/s`);
      }
    });
    await withBenchStack({ hosts: 2 }, async (bench) => {
      await bench.run(2 * warmUpRows * scale);
      for (let round = 0; round < rounds; round++) {
        const { seconds, cpuSeconds } = await bench.run(rows);
        byTwo.push(rows / seconds);
        for (const [service, used] of byService(cpuSeconds))
          cpu.set(service, [...(cpu.get(service) ?? []), (used * 1e6) / rows]);
        oneProcess.push(await loop(bench, `one-${round}`, issuer.inOneProcess));
        threeProcesses.push(await loop(bench, `three-${round}`, issuer.inThreeProcesses));
        say(
          `  round ${round + 1}: two hosts ${byTwo.at(-1)?.toFixed(0)}/s, ` +
            `loops ${oneProcess.at(-1)?.toFixed(0)}/s and ${threeProcesses.at(-1)?.toFixed(0)}/s`,
        );
      }
    });
    const measurements = [
      measured('upload to completed, one host', 'devices/s', byOne, { atLeast: 2500 }),
      measured('upload to completed, two hosts', 'devices/s', byTwo, { atLeast: 5000 }),
      measured('of a loop of one openssl process and a PUT', 'ratio', ratios(byTwo, oneProcess), { atLeast: 50 }),
      measured('of a loop of the three openssl steps and a PUT', 'ratio', ratios(byTwo, threeProcesses), {
        atLeast: 50,
      }),
      measured('loop of one openssl process and a PUT', 'devices/s', oneProcess),
      measured('loop of the three openssl steps and a PUT', 'devices/s', threeProcesses),
      ...[...cpu].map(([service, used]) => measured(`CPU per device, ${service}`, 'us', used)),
    ];
    if (measurements.every(({ met }) => met !== false)) return { measurements };
    const all = [...cpu.values()].reduce((sum, used) => sum + median(used), 0);
    const most = Math.round((availableParallelism() * 1e6) / all);
    const bound =
      `the processor. All processes together take ${Math.round(all)} us of CPU time per device, so ` +
      `${availableParallelism()} fully used cores reach ${most} devices/s.`;
    return { measurements, bound, profile: await profileOfJob(rows) };
  },
};

/** CPU time per service; the functions hosts count as one. */
function byService(cpuSeconds: FinishedJob['cpuSeconds']): Map<string, number> {
  const seconds = new Map<string, number>();
  for (const [name, used] of cpuSeconds) {
    const service = name.replace(/-\d+$/, '');
    seconds.set(service, (seconds.get(service) ?? 0) + used);
  }
  return seconds;
}

/** @returns devices per second */
async function loop(bench: BenchStack, folder: string, issue: (deviceId: string) => Promise<string>): Promise<number> {
  const began = performance.now();
  for (let number = 0; number < loopDevices; number++) {
    const pem = Buffer.from(await issue(`gw-${number}`));
    await bench.bundles.getBlockBlobClient(`${folder}/gw-${number}.pem`).upload(pem, pem.length);
  }
  return (loopDevices * 1000) / (performance.now() - began);
}
