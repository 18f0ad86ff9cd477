import { glob } from 'node:fs/promises';
import { apps } from './apps.ts';
import { bundleConsole } from './bundle-console.ts';
import { bundleFunctions } from './bundle-functions.ts';
import { makeApp } from './package-app.ts';
import { runCommand } from './tools/command-line.ts';
import { isUpToDate, removeStamp, stampBuild } from './up-to-date.ts';

const usage = `Usage: npm run build

Bundles the functions and the console into dist/, and the EST server into dist/est/, for the local host and for func start.

  -h, --help   show this text

Exit codes: 0 built, 1 failure, 2 invalid command line.

Example: npm run build`;

const stampFile = 'dist/build.json';
/** Patterns of the files that decide on a build, apart from the modules that esbuild lists. */
const recipe = [
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'infra/*.ts', 'lib/**/*.sh'],
  ...[apps.api.hostJson, apps.est.hostJson],
];

/**
 * Bundles the functions and the console into dist/ (see `main` in package.json), and makes the EST server, which is an app of its
 * own, in dist/est/. If none of its files has changed since the last build, it does nothing.
 */
export async function buildApp(): Promise<void> {
  if (!(await isUpToDate(stampFile))) await build();
}

async function build(): Promise<void> {
  const began = Date.now();
  await removeStamp(stampFile);
  const functions = await bundleFunctions('dist');
  const est = await makeApp(apps.est, apps.est.directory);
  const console = await bundleConsole('dist/console');
  const bundles = [functions, est, console];
  await stampBuild(stampFile, {
    read: [...bundles.flatMap(({ read }) => read), ...(await Array.fromAsync(glob(recipe)))],
    written: [...bundles.flatMap(({ written }) => written), `${apps.est.directory}/host.json`],
    began,
  });
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  const megabytes = (size: number) => (size / 1024 / 1024).toFixed(1);
  const kilobytes = (console.compressedBytes / 1024).toFixed(1);
  const sizes = `the functions, ${megabytes(functions.bytes)} MB, the EST server, ${megabytes(est.bytes)} MB, and the console, ${kilobytes} KB`;
  process.stderr.write(`Built ${sizes}, in ${seconds} s.\n`);
}

if (import.meta.main) {
  await runCommand({ usage }, async () => {
    await build();
    return 0;
  });
}
