import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Binding, provideFunctionsCore } from 'fleet-emulators/functions-host';

/*
 * `node infra/tools/load-app.ts DIRECTORY`: loads an app as the Functions worker does, in a process of its own, and prints
 * what it registered and how long that took, as one line of JSON. The contract is the worker's: `main` of package.json is
 * a glob, each file that it matches is imported, and `require('@azure/functions-core')` is answered by the worker.
 */

export interface LoadedApp {
  /** From the first import to the last registration. */
  readonly milliseconds: number;
  readonly functions: readonly { readonly name: string; readonly bindings: readonly Binding[] }[];
}

const [directory = '.'] = process.argv.slice(2);
const core = provideFunctionsCore(() => {});
const { main, type } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
// The worker imports a file of an ES module package, and requires every other; ours are ES modules.
if (type !== 'module') throw new Error('package.json does not say "type": "module".');
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
// Clients and timers of an app that nobody will stop.
process.exit();
