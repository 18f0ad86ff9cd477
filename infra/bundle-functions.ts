import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { build, type Plugin, stop } from 'esbuild';
import { oldestNode } from '../functions/config/node-version.ts';
import { apps } from './apps.ts';

export interface Bundle {
  /** The source file of each entry, from the root of the project. */
  readonly entryPoints: readonly string[];
  /** Size of the JavaScript in bytes, without source maps. */
  readonly bytes: number;
  /** Every file whose code is in the bundle, from the root of the project. */
  readonly inputs: readonly string[];
  /** Every file that was read, also those of which the bundle has nothing. */
  readonly read: readonly string[];
  /** Every file that was written. */
  readonly written: readonly string[];
}

/**
 * Puts the text of `name.sh` in place of a module `name.sh.ts`. Under Node that module reads the file beside it; a bundle
 * has no file beside it.
 */
export const shellScripts: Plugin = {
  name: 'shell-scripts',
  setup(build) {
    build.onLoad({ filter: /\.sh\.ts$/ }, async ({ path }) => {
      return { contents: await readFile(path.replace(/\.ts$/, '')), loader: 'text' };
    });
  },
};

/**
 * Bundles the functions of an app as they are deployed: ES modules, one entry, code that is loaded later in chunks, source maps
 * beside them.
 *
 * `@azure/functions-core` is not bundled: the host provides it, and a bundled copy would register no function and report
 * no error. The banner gives the bundle a `require`, which @azure/functions uses to find its host.
 *
 * Not minified: it would load no faster, and a stack trace from Azure stays readable
 * without the source map.
 *
 * @param outdir gets `functions/` and `chunks/`; both are emptied first
 */
export async function bundleFunctions(
  outdir: string,
  { entryPoint = apps.api.entryPoint as string, minify = false } = {},
): Promise<Bundle> {
  const entryPoints = [entryPoint];
  const { outputFiles, metafile } = await build({
    entryPoints,
    outdir: `${outdir}/functions`,
    chunkNames: '../chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: `node${oldestNode}`,
    minify,
    // For lines and names in stack traces. The sources themselves are in the repository.
    sourcemap: true,
    sourcesContent: false,
    write: false,
    metafile: true,
    external: ['@azure/functions-core'],
    plugins: [shellScripts],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  }).finally(stop);

  // The file of a function that was removed would still be loaded and deployed.
  for (const folder of ['functions', 'chunks']) await rm(`${outdir}/${folder}`, { recursive: true, force: true });
  let bytes = 0;
  for (const { path, contents } of outputFiles) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, contents);
    if (path.endsWith('.js')) bytes += contents.length;
  }
  // `inputs` of the metafile has every file that was read. What tree shaking left is in the outputs.
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  const [read, written] = [Object.keys(metafile.inputs), Object.keys(metafile.outputs)];
  return { entryPoints, bytes, inputs: [...new Set(inputs)].sort(), read, written };
}
