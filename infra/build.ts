import { bundleFunctions } from './bundle-functions.ts';
import { runCommand } from './tools/command-line.ts';

const usage = `Usage: npm run build

Bundles the functions into dist/, for the local host and for func start.

  -h, --help   show this text

Exit codes: 0 built, 1 failure, 2 invalid command line.

Example: npm run build`;

/** Bundles the functions into dist/. See `main` in package.json. */
export async function buildApp(): Promise<void> {
  const started = performance.now();
  const { bytes } = await bundleFunctions('dist');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const megabytes = (bytes / 1024 / 1024).toFixed(1);
  process.stderr.write(`Built the functions, ${megabytes} MB, in ${seconds} s.\n`);
}

if (import.meta.main) {
  await runCommand({ usage }, async () => {
    await buildApp();
    return 0;
  });
}
