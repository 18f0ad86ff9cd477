import { apps } from './apps.ts';
import { bundleConsole } from './bundle-console.ts';
import { bundleFunctions } from './bundle-functions.ts';
import { makeApp } from './package-app.ts';
import { runCommand } from './tools/command-line.ts';

const usage = `Usage: npm run build

Bundles the functions and the console into dist/, and the EST server into dist/est/, for the local host and for func start.

  -h, --help   show this text

Exit codes: 0 built, 1 failure, 2 invalid command line.

Example: npm run build`;

/**
 * Bundles the functions and the console into dist/ (see `main` in package.json), and makes the EST server, which is an app of its
 * own, in dist/est/.
 */
export async function buildApp(): Promise<void> {
  const started = performance.now();
  const { bytes } = await bundleFunctions('dist');
  const est = await makeApp(apps.est, apps.est.directory);
  const { compressedBytes } = await bundleConsole('dist/console');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const megabytes = (size: number) => (size / 1024 / 1024).toFixed(1);
  const kilobytes = (compressedBytes / 1024).toFixed(1);
  const sizes = `the functions, ${megabytes(bytes)} MB, the EST server, ${megabytes(est.bytes)} MB, and the console, ${kilobytes} KB`;
  process.stderr.write(`Built ${sizes}, in ${seconds} s.\n`);
}

if (import.meta.main) {
  await runCommand({ usage }, async () => {
    await buildApp();
    return 0;
  });
}
