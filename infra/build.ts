import { glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { build } from 'esbuild';

/**
 * Bundles the functions as they are deployed: ES modules, one entry a function, what they share in chunks.
 * `@azure/functions-core` stays outside, since the host puts it in place: a bundled copy would register no function and
 * report no error. The banner gives the bundle a `require`, by which @azure/functions looks for its host.
 */
export async function buildApp(): Promise<void> {
  const started = performance.now();
  const entryPoints: string[] = [];
  for await (const file of glob('functions/*.ts')) {
    if (/\bapp\.(http|storageQueue|timer)\(/.test(await readFile(file, 'utf8'))) entryPoints.push(file);
  }

  const { outputFiles } = await build({
    entryPoints,
    outdir: 'dist/functions',
    chunkNames: '../chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    sourcemap: true,
    write: false,
    external: ['@azure/functions-core'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });

  // Only what was built may lie in dist: a function that is gone would be loaded and deployed all the same.
  await rm('dist', { recursive: true, force: true });
  let bytes = 0;
  for (const { path, contents } of outputFiles) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, contents);
    if (path.endsWith('.js')) bytes += contents.length;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const megabytes = (bytes / 1024 / 1024).toFixed(1);
  process.stderr.write(`Built ${entryPoints.length} functions, ${megabytes} MB, in ${seconds} s.\n`);
}

if (import.meta.main) await buildApp();
