import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Binding, provideFunctionsCore } from 'fleet-emulators/functions-host';

/*
 * `node infra/tools/load-app.ts DIRECTORY`: loads an app as the Functions worker does. Prints the registered functions and the load
 * time as one line of JSON. The worker imports each file that matches `main` in package.json, which is a glob, and answers
 * `require('@azure/functions-core')`.
 */

export interface LoadedApp {
  /** Time from the first import to the last registration. */
  readonly milliseconds: number;
  readonly functions: readonly { readonly name: string; readonly bindings: readonly Binding[] }[];
}

const [directory = '.'] = process.argv.slice(2);
const core = provideFunctionsCore(() => {});
const { main, type } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
// The worker imports ES modules and requires other files. This app has ES modules.
if (type !== 'module') throw new Error('package.json has no "type": "module".');
const files = await Array.fromAsync(glob(main, { cwd: directory }));
if (files.length === 0) throw new Error(`No file matches main: ${main}`);

const started = performance.now();
for (const file of files) await import(pathToFileURL(join(directory, file)).href);
const milliseconds = performance.now() - started;

const functions = [...core.functions.values()].map(({ name, bindings }) => ({
  name,
  bindings: Object.values(bindings),
}));
const loaded: LoadedApp = { milliseconds, functions };
process.stdout.write(`${JSON.stringify(loaded)}\n`);
// Clients and timers of the app would keep the process running.
process.exit();
