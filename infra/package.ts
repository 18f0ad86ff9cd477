import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { bundleFunctions } from './bundle-functions.ts';
import type { LoadedApp } from './tools/load-app.ts';

/**
 * `npm run package [-- DIRECTORY]` makes the app as it is deployed, in dist/package: the bundle with its source maps,
 * host.json, and a package.json that says where the functions are and has nothing to install. Nothing else goes to Azure.
 * Then it loads the package and, for comparison, the same code with its libraries in node_modules, and prints both times.
 */
const directory = resolve(process.argv[2] ?? 'dist/package');
await rm(directory, { recursive: true, force: true });
await mkdir(directory, { recursive: true });
const { entryPoints, bytes } = await bundleFunctions(join(directory, 'dist'));
await copyFile('host.json', join(directory, 'host.json'));
const { name, version, license, type, main } = JSON.parse(await readFile('package.json', 'utf8'));
const manifest = { name, version, license, private: true, type, main };
await writeFile(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
const megabytes = (size: number) => `${(size / 1024 / 1024).toFixed(1)} MB`;
const whole = megabytes(await sizeOf(directory));
console.log(`${directory}: ${entryPoints.length} entries, ${megabytes(bytes)} of code, ${whole} with source maps`);

// Below dist/, so that imports find the project's node_modules.
const unbundled = resolve('dist/unbundled');
await rm(unbundled, { recursive: true, force: true });
const external = { bundle: true, splitting: true, packages: 'external' } as const;
const shape = { format: 'esm', platform: 'node', target: 'node22' } as const;
await build({ entryPoints: [...entryPoints], outdir: join(unbundled, 'dist/functions'), ...external, ...shape });
await writeFile(join(unbundled, 'package.json'), JSON.stringify({ type, main }));

const rounds = 5;
const times = { bundled: [] as number[], unbundled: [] as number[] };
for (let round = 0; round < rounds; round++) {
  // Turn about, so that whatever else the machine does meets both.
  times.bundled.push(await loadTime(directory));
  times.unbundled.push(await loadTime(unbundled));
}
await rm(unbundled, { recursive: true, force: true });
const [fast, slow] = [median(times.bundled), median(times.unbundled)];
console.log(
  `load: ${fast.toFixed(0)} ms bundled, ${slow.toFixed(0)} ms with node_modules; ratio ${(fast / slow).toFixed(2)} (medians of ${rounds}, fresh processes)`,
);

async function loadTime(app: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'tools/load-app.ts'), app]);
  const { milliseconds, functions }: LoadedApp = JSON.parse(stdout);
  if (functions.length < entryPoints.length / 2) throw new Error(`${app} registered ${functions.length} functions.`);
  return milliseconds;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function sizeOf(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
