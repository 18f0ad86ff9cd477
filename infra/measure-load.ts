import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build, stop } from 'esbuild';
import { oldestNode } from '../functions/config/node-version.ts';
import { shellScripts } from './bundle-functions.ts';
import type { LoadedApp } from './tools/load-app.ts';

export interface LoadTimes {
  /** Milliseconds from the first import to the last registration, one value per round. */
  readonly bundled: readonly number[];
  /** The same with libraries in node_modules. */
  readonly unbundled: readonly number[];
}

/**
 * Measures how long a packaged app takes to load, and the same code with its libraries in node_modules. The two alternate, each in
 * a new process, so that other load of the machine affects both.
 * @param app folder of the packaged app
 */
export async function measureLoad(app: string, entryPoints: readonly string[], rounds = 5): Promise<LoadTimes> {
  // The folder is in the project, so that imports find its node_modules.
  const unbundled = await mkdtemp(resolve('dist', 'unbundled-'));
  try {
    await build({
      entryPoints: [...entryPoints],
      outdir: join(unbundled, 'dist/functions'),
      ...{
        bundle: true,
        splitting: true,
        packages: 'external',
        format: 'esm',
        platform: 'node',
        target: `node${oldestNode}`,
      },
      plugins: [shellScripts],
    }).finally(stop);
    const { type, main } = JSON.parse(await readFile('package.json', 'utf8'));
    await writeFile(join(unbundled, 'package.json'), JSON.stringify({ type, main }));
    const times = { bundled: [] as number[], unbundled: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      times.bundled.push((await loadApp(app)).milliseconds);
      times.unbundled.push((await loadApp(unbundled)).milliseconds);
    }
    return times;
  } finally {
    await rm(unbundled, { recursive: true, force: true });
  }
}

/** Loads an app in a new process, as the worker does. @throws Error if it fails to load or registers no function */
export async function loadApp(directory: string, env: NodeJS.ProcessEnv = process.env): Promise<LoadedApp> {
  const program = join(import.meta.dirname, 'tools/load-app.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [program, directory], { env });
  const loaded: LoadedApp = JSON.parse(stdout);
  if (loaded.functions.length === 0) throw new Error(`${directory} registered no function.`);
  return loaded;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
