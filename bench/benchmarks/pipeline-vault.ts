import { KeyClient } from '@azure/keyvault-keys';
import { localCredential, vaultKeyName } from '../../lib/azure/key-vault.ts';
import { type Benchmark, type Findings, measured, type Run, ratios } from '../benchmark.ts';
import { type BenchStack, type FinishedJob, withBenchStack } from '../harness/bench-stack.ts';

const rowsPerJob = 20_000;
/** Rows of the jobs that the vault bounds, fewer so that a round takes about a minute. */
const rowsOfDirect = { software: 16_000, hsm: 4_000 };
const warmUpRows = 10_000;
/** Milliseconds of a request to a vault in the same region. An assumption: Microsoft documents no figure. */
const vaultDelay = 15;

type Kind = keyof typeof rowsOfDirect;

export const pipelineVault: Benchmark = {
  name: 'pipeline-vault',
  what:
    'Devices per second from the upload of 20,000 rows to the completed job, two functions hosts, with the CA key in the Key ' +
    'Vault emulator at the documented limits (4,000 signatures in 10 seconds with keys in software, 2,000 with keys in HSMs) ' +
    `and ${vaultDelay} ms a request. Delegated: the vault signs one CA per host, and that one signs the devices. Direct: the vault ` +
    'signs each device. Local: the CA key is a file. All of them run in each round, one after the other. Direct jobs have ' +
    '16,000 rows, and 4,000 with keys in HSMs, so that a round takes about a minute. Their first 4,000 (2,000) signatures meet no ' +
    'limit, so direct looks faster than it stays.',

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    const rate = {
      local: [] as number[],
      delegated: { software: [] as number[], hsm: [] as number[] },
      direct: { software: [] as number[], hsm: [] as number[] },
    };
    const cpu = { local: [] as number[], delegated: [] as number[] };
    const rows = rowsPerJob * scale;

    await withStacks(async ({ local, software, hsm }) => {
      const stacks = { software, hsm };
      const direct = async (kind: Kind) => {
        rate.direct[kind].push(perSecond(await stacks[kind].run(rowsOfDirect[kind] * scale, 'direct')));
      };
      const sides = [
        async () => {
          const job = await local.run(rows);
          rate.local.push(perSecond(job));
          cpu.local.push(cpuOfHosts(job));
        },
        async () => {
          const job = await software.run(rows, 'delegated');
          rate.delegated.software.push(perSecond(job));
          cpu.delegated.push(cpuOfHosts(job));
        },
        async () => void rate.delegated.hsm.push(perSecond(await hsm.run(rows, 'delegated'))),
      ];
      await local.run(warmUpRows * scale);
      for (const stack of [software, hsm]) await stack.run(warmUpRows * scale, 'delegated');
      for (let round = 0; round < rounds; round++) {
        // The order changes, so that a machine that gets slower favours none.
        for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
        for (const kind of ['software', 'hsm'] as const) await direct(kind);
        const latest = [rate.local, ...Object.values(rate.delegated), ...Object.values(rate.direct)];
        say(
          `  round ${round + 1}: local, delegated (software, HSM), direct (software, HSM): ` +
            `${latest.map((each) => each.at(-1)?.toFixed(0)).join(', ')} devices/s`,
        );
      }
    });

    return {
      measurements: [
        measured('delegated, of a local key', 'ratio', ratios(rate.delegated.software, rate.local), { atLeast: 0.9 }),
        measured(
          'delegated, of direct, keys in software',
          'ratio',
          ratios(rate.delegated.software, rate.direct.software),
          {
            atLeast: 8,
          },
        ),
        measured('delegated, of direct, keys in HSMs', 'ratio', ratios(rate.delegated.hsm, rate.direct.hsm), {
          atLeast: 8,
        }),
        measured('local key', 'devices/s', rate.local),
        measured('delegated, keys in software', 'devices/s', rate.delegated.software),
        measured('delegated, keys in HSMs', 'devices/s', rate.delegated.hsm),
        measured('direct, keys in software', 'devices/s', rate.direct.software),
        measured('direct, keys in HSMs', 'devices/s', rate.direct.hsm),
        measured(
          'CPU of the functions processes per device, delegated of local',
          'ratio',
          ratios(cpu.delegated, cpu.local),
        ),
      ],
    };
  },
};

interface Stacks {
  readonly local: BenchStack;
  readonly software: BenchStack;
  readonly hsm: BenchStack;
}

/** Three stacks of the same app: CA keys in files, in a vault in software, and in a vault in HSMs. */
function withStacks(work: (stacks: Stacks) => Promise<void>): Promise<void> {
  const keyVault = ['--delay', String(vaultDelay)];
  return withBenchStack({ hosts: 2 }, (local) =>
    withBenchStack({ hosts: 2, keyVault }, (software) =>
      withBenchStack({ hosts: 2, keyVault }, async (hsm) => {
        for (const group of ['direct', 'delegated']) {
          await makeHsmKey(hsm, group);
          for (const stack of [software, hsm]) await stack.declare(group, { issuance: group });
        }
        await work({ local, software, hsm });
      }),
    ),
  );
}

/** Makes the key of the first issuing CA of a group, which the app then finds and uses. */
async function makeHsmKey({ stack }: BenchStack, group: string): Promise<void> {
  const client = new KeyClient(stack.urls.keyVault, localCredential, { disableChallengeResourceVerification: true });
  await client.createEcKey(vaultKeyName(`issuing-${group}-1`), { curve: 'P-256', hsm: true, keyOps: ['sign'] });
}

const perSecond = ({ rows, seconds }: FinishedJob): number => rows / seconds;

/** Seconds per device. */
function cpuOfHosts({ rows, cpuSeconds }: FinishedJob): number {
  const hosts = [...cpuSeconds].filter(([name]) => name.startsWith('functions'));
  return hosts.reduce((sum, [, seconds]) => sum + seconds, 0) / rows;
}
