import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type Benchmark, type Findings, measured, type Run } from '../benchmark.ts';

const run = promisify(execFile);

export const demo: Benchmark = {
  name: 'demo',
  what:
    'Seconds from `npm run demo` to its exit, in a project that was installed and not built: it builds the app, starts the ' +
    'stack, provisions and registers 1,008 devices, and compares them. Warm: the app is built, and compiled code is in the cache of Node.',

  async run({ rounds, scale, say }: Run): Promise<Findings> {
    // The manifest of the demo has one size. A trial registers fewer devices.
    const more = scale < 1 ? ['--register', String(Math.round(1_000 * scale))] : [];
    const cold: number[] = [];
    const warm: number[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const made of ['dist', 'node_modules/.cache/node']) await rm(made, { recursive: true, force: true });
      cold.push(await seconds(more));
      warm.push(await seconds(more));
      say(`  round ${round + 1}: cold ${cold.at(-1)?.toFixed(1)} s, warm ${warm.at(-1)?.toFixed(1)} s`);
    }
    return { measurements: [measured('cold', 's', cold, { atMost: 20 }), measured('warm', 's', warm, { atMost: 20 })] };
  },
};

/** @throws Error with the output of a demo that failed */
async function seconds(more: readonly string[]): Promise<number> {
  const began = performance.now();
  await run('npm', ['run', 'demo', '--', ...more]);
  return (performance.now() - began) / 1000;
}
