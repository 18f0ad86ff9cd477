import { glob, mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { measureLoad, median } from './measure-load.ts';
import { packageApp } from './package-app.ts';
import { runCommand } from './tools/command-line.ts';

const usage = `Usage: npm run package -- [DIRECTORY]

Makes the app that is deployed. Prints its size, and its load time compared with the same code with libraries in node_modules.

  [DIRECTORY]   folder of the app; it is deleted and created again (default: dist/package)
  -h, --help    show this text

Exit codes: 0 made, 1 failure, 2 invalid command line.

Example: npm run package -- /tmp/app`;

await runCommand({ usage, operands: ['[DIRECTORY]'] }, async ({ operands }) => {
  const directory = resolve(operands[0] ?? 'dist/package');
  const { entryPoints, bytes } = await packageApp(directory);
  let whole = 0;
  for await (const file of glob('**/*.*', { cwd: directory })) whole += (await stat(join(directory, file))).size;
  console.log(`${directory}: ${megabytes(bytes)} of code, ${megabytes(whole)} with source maps`);
  await mkdir('dist', { recursive: true });
  const times = await measureLoad(directory, entryPoints);
  const [bundled, unbundled] = [median(times.bundled), median(times.unbundled)];
  const ratio = (bundled / unbundled).toFixed(2);
  console.log(`load: ${bundled.toFixed(0)} ms bundled, ${unbundled.toFixed(0)} ms with node_modules; ratio ${ratio}`);
  return 0;
});

function megabytes(size: number): string {
  return `${(size / 1024 / 1024).toFixed(1)} MB`;
}
