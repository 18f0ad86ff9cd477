import { bundleConsole } from './bundle-console.ts';
import { bundleFunctions } from './bundle-functions.ts';
import { runCommand } from './tools/command-line.ts';

const usage = `Usage: npm run build

Bundles the functions and the console into dist/, for the local host and for func start.

  -h, --help   show this text

Exit codes: 0 built, 1 failure, 2 invalid command line.

Example: npm run build`;

/** Bundles the functions and the console into dist/. See `main` in package.json. */
export async function buildApp(): Promise<void> {
  const started = performance.now();
  const { bytes } = await bundleFunctions('dist');
  const { compressedBytes } = await bundleConsole('dist/console');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const megabytes = (bytes / 1024 / 1024).toFixed(1);
  const kilobytes = (compressedBytes / 1024).toFixed(1);
  process.stderr.write(`Built the functions, ${megabytes} MB, and the console, ${kilobytes} KB, in ${seconds} s.\n`);
}

if (import.meta.main) {
  await runCommand({ usage }, async () => {
    await buildApp();
    return 0;
  });
}
