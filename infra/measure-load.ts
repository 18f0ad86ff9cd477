import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { shellScripts } from './bundle-functions.ts';
import type { LoadedApp } from './tools/load-app.ts';

export interface LoadTimes {
  /** Milliseconds from the first import to the last registration, one figure a round. */
  readonly bundled: readonly number[];
  readonly unbundled: readonly number[];
}

/**
 * Loads a packaged app, and the same code with its libraries in node_modules, turn about in fresh processes, so that
 * whatever else the machine does meets both.
 */
export async function measureLoad(app: string, entryPoints: readonly string[], rounds = 5): Promise<LoadTimes> {
  // Inside the project, so that imports find its node_modules.
  const unbundled = await mkdtemp(resolve('dist', 'unbundled-'));
  try {
    await build({
      entryPoints: [...entryPoints],
      outdir: join(unbundled, 'dist/functions'),
      ...{ bundle: true, splitting: true, packages: 'external', format: 'esm', platform: 'node', target: 'node22' },
      plugins: [shellScripts],
    });
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

/** Loads an app in a fresh process by the worker's contract. @throws Error when it does not load or registers nothing */
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
