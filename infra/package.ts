import { glob, mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { measureLoad, median } from './measure-load.ts';
import { packageApp } from './package-app.ts';

/**
 * `npm run package [-- DIRECTORY]`: makes the app that is deployed, by default in dist/package. Prints its size, and its load time
 * compared with the same code with libraries in node_modules.
 */
const directory = resolve(process.argv[2] ?? 'dist/package');
const { entryPoints, bytes } = await packageApp(directory);
let whole = 0;
for await (const file of glob('**/*.*', { cwd: directory })) whole += (await stat(join(directory, file))).size;
console.log(`${directory}: ${megabytes(bytes)} of code, ${megabytes(whole)} with source maps`);
await mkdir('dist', { recursive: true });
const times = await measureLoad(directory, entryPoints);
const [bundled, unbundled] = [median(times.bundled), median(times.unbundled)];
const ratio = (bundled / unbundled).toFixed(2);
console.log(`load: ${bundled.toFixed(0)} ms bundled, ${unbundled.toFixed(0)} ms with node_modules; ratio ${ratio}`);

function megabytes(size: number): string {
  return `${(size / 1024 / 1024).toFixed(1)} MB`;
}
