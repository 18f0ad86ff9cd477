import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readConfig } from '../../functions/config.ts';
import { createServices } from '../../functions/services.ts';
import { type Stack, startStack } from '../../infra/local/stack.ts';
import type { SweepFigures } from '../../lib/pipeline/sweep-state.ts';
import { type Benchmark, type Findings, type Run, single } from '../benchmark.ts';
import { smallHeap } from '../harness/bench-stack.ts';
import { type SeededFleet, seedFleet } from '../harness/seed-fleet.ts';

const fewDevices = 10_000;
const manyDevices = 100_000;
const hubs = ['hub-1.localhost', 'hub-2.localhost'];
const enrollmentGroup = 'bench';

/** No pace: the time is that of the app and the emulators. */
const settings = {
  ...{ DPS_OPERATIONS_PER_MINUTE: '100000', HUB_QUERIES_PER_MINUTE: '100000' },
  ...{ HUB_REGISTRY_OPERATIONS_PER_MINUTE: '100000', TELEMETRY: 'off' },
};

const subject = join(import.meta.dirname, '../subjects/sweep.ts');

interface Seen {
  readonly figures: SweepFigures;
  readonly seconds: number;
  readonly mebibytes: number;
}

export const sweep: Benchmark = {
  name: 'sweep',
  what:
    'A sweep over fleets of two sizes in one enrollment group and two hubs, with nothing wrong: calls of DPS and hubs, time, and ' +
    'peak memory (VmHWM) of its process, which has the V8 heap of a small instance. Each is swept once. There is no pace here. With the default ' +
    'settings, a sweep of 100,000 devices waits 4 minutes for DPS and 50 minutes for the hubs.',

  async run({ scale, say }: Run): Promise<Findings> {
    const directory = await mkdtemp(join(tmpdir(), 'bench-sweep-'));
    let stack: Stack | undefined;
    try {
      stack = await startStack({
        ...{ directory, ports: 'free', hosts: 0, settings },
        dpsArguments: ['--operations-per-minute', '1000000'],
      });
      const services = createServices(readConfig(stack.appSettings));
      await services.groups.declare(enrollmentGroup, { keyCustody: 'plain' });
      const fleet: SeededFleet = {
        ...services,
        enrollmentGroup,
        hubs,
        dpsFile: join(directory, 'dps/dps.sqlite'),
        now: new Date(),
      };
      const [few, many] = [fewDevices * scale, manyDevices * scale];
      await seedFleet(fleet, 0, few);
      const small = await measure(stack, few, say);
      await seedFleet(fleet, few, many);
      return findings(small, await measure(stack, many, say));
    } finally {
      await stack?.kill();
      await rm(directory, { recursive: true, force: true });
    }
  },
};

function findings(small: Seen, large: Seen): Findings {
  const time = ({ seconds, figures }: Seen) => (seconds * 1e6) / figures.devices;
  const calls = (large.figures.calls * 1000) / large.figures.devices;
  return {
    measurements: [
      single('calls of DPS and hubs per 1,000 devices', 'calls', calls, { atMost: 25 }),
      single('memory, 100,000 to 10,000 devices', 'ratio', large.mebibytes / small.mebibytes, { atMost: 1.2 }),
      single('memory, 100,000 devices', 'MiB', large.mebibytes, { atMost: 256 }),
      single('memory, 10,000 devices', 'MiB', small.mebibytes),
      single('time per device, 100,000 to 10,000 devices', 'ratio', time(large) / time(small), { atMost: 1.3 }),
      single('time, 100,000 devices', 's', large.seconds),
      single('time per device, 100,000 devices', 'us', time(large)),
    ],
  };
}

async function measure({ appSettings, caPath }: Stack, devices: number, say: Run['say']): Promise<Seen> {
  const env = { ...process.env, ...appSettings, NODE_EXTRA_CA_CERTS: caPath, NODE_OPTIONS: smallHeap };
  const { stdout } = await promisify(execFile)(process.execPath, [subject], { env });
  const seen: Seen = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  const { figures } = seen;
  if (figures?.devices !== devices || figures.opened > 0) {
    throw new Error(`The sweep of ${devices} devices ended with ${JSON.stringify(figures)}.`);
  }
  say(`  ${devices} devices: ${seen.seconds.toFixed(1)} s, ${seen.mebibytes.toFixed(0)} MiB`);
  return seen;
}
