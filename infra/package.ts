import { glob, mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type AppName, apps } from './apps.ts';
import { measureLoad, median } from './measure-load.ts';
import { packageApp } from './package-app.ts';
import { runCommand } from './tools/command-line.ts';

const usage = `Usage: npm run package -- [DIRECTORY]

Makes the two apps that are deployed: the API with its queues and timers, and the EST server. Prints the size of each, and the load
time of the API compared with the same code with libraries in node_modules.

  [DIRECTORY]   folder of the API; that of the EST server is DIRECTORY-est. Both are deleted and created again
                (default: dist/package)
  -h, --help    show this text

Exit codes: 0 made, 1 failure, 2 invalid command line.

Example: npm run package -- /tmp/app`;

await runCommand({ usage, operands: ['[DIRECTORY]'] }, async ({ operands }) => {
  const directory = resolve(operands[0] ?? apps.api.packageDirectory);
  const { entryPoints } = await made('api', directory);
  await made('est', `${directory}-est`);
  await mkdir('dist', { recursive: true });
  const times = await measureLoad(directory, entryPoints);
  const [bundled, unbundled] = [median(times.bundled), median(times.unbundled)];
  const ratio = (bundled / unbundled).toFixed(2);
  console.log(`load: ${bundled.toFixed(0)} ms bundled, ${unbundled.toFixed(0)} ms with node_modules; ratio ${ratio}`);
  return 0;
});

async function made(name: AppName, directory: string) {
  const bundle = await packageApp(directory, name);
  let whole = 0;
  for await (const file of glob('**/*.*', { cwd: directory })) whole += (await stat(join(directory, file))).size;
  console.log(`${directory}: ${megabytes(bundle.bytes)} of code, ${megabytes(whole)} with source maps`);
  return bundle;
}

function megabytes(size: number): string {
  return `${(size / 1024 / 1024).toFixed(1)} MB`;
}
