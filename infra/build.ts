import { readFile, rm, stat, glob } from 'node:fs/promises';
import { build } from 'esbuild';

/**
 * Bundles the functions as they are deployed: ES modules, one entry a function, what they share in chunks.
 * `@azure/functions-core` stays outside, since the host puts it in place: a bundled copy would register no function and
 * report no error. The banner gives the bundle a `require`, by which @azure/functions looks for its host.
 */
const started = performance.now();
const entryPoints: string[] = [];
for await (const file of glob('functions/*.ts')) {
  if (/\bapp\.(http|storageQueue|timer)\(/.test(await readFile(file, 'utf8'))) entryPoints.push(file);
}

await rm('dist', { recursive: true, force: true });
const { metafile } = await build({
  entryPoints,
  outdir: 'dist/functions',
  chunkNames: '../chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  sourcemap: true,
  metafile: true,
  external: ['@azure/functions-core'],
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
});

let bytes = 0;
for (const file of Object.keys(metafile.outputs)) if (file.endsWith('.js')) bytes += (await stat(file)).size;
const seconds = ((performance.now() - started) / 1000).toFixed(1);
process.stderr.write(`Built ${entryPoints.length} functions, ${(bytes / 1024 / 1024).toFixed(1)} MB, in ${seconds} s.\n`);
