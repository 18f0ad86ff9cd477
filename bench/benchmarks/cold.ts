import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureLoad } from '../../infra/measure-load.ts';
import { packageApp } from '../../infra/package-app.ts';
import { type Benchmark, type Findings, measured, type Run, ratios } from '../benchmark.ts';

/** A process starts in a fraction of a second, so more of them fit into a round. */
const loadsPerRound = 3;

export const cold: Benchmark = {
  name: 'cold',
  what:
    'Load time of the app in a new process, files in the page cache: as `npm run package` builds it, and with its ' +
    'libraries in node_modules.',

  async run({ rounds }: Run): Promise<Findings> {
    const app = await mkdtemp(join(tmpdir(), 'bench-cold-'));
    try {
      const { entryPoints } = await packageApp(app);
      const { bundled, unbundled } = await measureLoad(app, entryPoints, rounds * loadsPerRound);
      return {
        measurements: [
          measured('of the unpackaged app', 'ratio', ratios(bundled, unbundled), { atMost: 0.4 }),
          measured('packaged', 'ms', bundled),
          measured('with node_modules', 'ms', unbundled),
        ],
      };
    } finally {
      await rm(app, { recursive: true, force: true });
    }
  },
};
