import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build, stop } from 'esbuild';

export interface ConsoleBundle {
  /** Bytes of script and style as they are sent with Brotli. */
  readonly compressedBytes: number;
  /** Every file whose code is in the bundle, from the root of the project. */
  readonly inputs: readonly string[];
  /** Every file that was read, also those of which the bundle has nothing. */
  readonly read: readonly string[];
  /** Every file that was written. */
  readonly written: readonly string[];
}

/**
 * Bundles the console (console/main.ts and console/style.css) for browsers. The names of the assets have a digest of their
 * content. Each is compressed here, once: the Functions host compresses nothing.
 * @param outdir gets `index.html` and `assets/`, with `.br` and `.gz` beside each asset; it is emptied first
 */
export async function bundleConsole(outdir: string): Promise<ConsoleBundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: ['console/main.ts', 'console/style.css'],
    outdir,
    entryNames: 'assets/[name]-[hash]',
    bundle: true,
    format: 'esm',
    platform: 'browser',
    // light-dark() and :has() are in all current browsers since the middle of 2024 (https://web.dev/baseline).
    target: ['chrome123', 'firefox121', 'safari17.5'],
    minify: true,
    legalComments: 'none',
    write: false,
    metafile: true,
    logLevel: 'warning',
  }).finally(stop);

  await rm(outdir, { recursive: true, force: true });
  await mkdir(join(outdir, 'assets'), { recursive: true });
  let page = await readFile('console/index.html', 'utf8');
  let compressedBytes = 0;
  for (const { path, contents } of outputFiles) {
    const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
    const brotli = brotliCompressSync(contents, { params });
    await writeFile(path, contents);
    await writeFile(`${path}.br`, brotli);
    await writeFile(`${path}.gz`, gzipSync(contents, { level: 9 }));
    compressedBytes += brotli.length;
    const name = basename(path);
    page = page.replace(`%${name.replace(/-[A-Z0-9]+(\.\w+)$/, '$1')}%`, `/console/assets/${name}`);
  }
  const index = join(outdir, 'index.html');
  await writeFile(index, page);
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  const read = ['console/index.html', ...Object.keys(metafile.inputs)];
  return { compressedBytes, inputs, read, written: [index, ...Object.keys(metafile.outputs)] };
}
