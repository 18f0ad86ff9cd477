import { glob, readFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { maxHeaderBytes } from './front-end.ts';
import type { FunctionsCore } from './functions-core.ts';

/**
 * Loads an app as the worker does: each file that matches `main` in package.json, one after another. Then it runs the `appStart`
 * hooks and closes the registration.
 *
 * @param directory absolute path of the app
 * @returns `workerUrl`: the address of the worker's HTTP server, when the app has enabled HTTP streams
 * @throws Error if no file matches, a file fails to load or no function is registered. The worker would run an empty app instead.
 */
export async function loadApp(directory: string, core: FunctionsCore): Promise<{ readonly workerUrl?: string }> {
  const { main } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as { main?: string };
  if (main === undefined) throw new Error(`package.json in ${directory} has no "main".`);
  const files = (await Array.fromAsync(glob(main, { cwd: directory }))).sort();
  if (files.length === 0) throw new Error(`"main" in ${directory} matches no file: ${main}. Build the app first.`);
  for (const file of files) {
    try {
      await import(pathToFileURL(join(directory, file)).href);
    } catch (error) {
      throw new Error(`${file} cannot be loaded`, { cause: error });
    }
  }
  if (core.functions.size === 0) throw new Error(`${files.length} files were loaded, but none registered a function.`);
  for (const hook of core.hooks.appStart)
    await hook({ hookData: {}, appHookData: {}, functionAppDirectory: directory });
  const { HttpUri: workerUrl } = await withLongHeaders(() => core.model().getCapabilities({}));
  core.lock();
  return workerUrl === undefined ? {} : { workerUrl };
}

/** Runs what starts the HTTP server of the library, which sets no options. It has to take the headers that this host forwards. */
async function withLongHeaders<T>(start: () => Promise<T>): Promise<T> {
  const { createServer } = http;
  http.createServer = ((...given: never[]) =>
    given.length === 0
      ? createServer({ maxHeaderSize: maxHeaderBytes })
      : createServer(...given)) as typeof createServer;
  try {
    return await start();
  } finally {
    http.createServer = createServer;
  }
}

/** Replaces `%NAME%` in a queue name, schedule or route by the app setting. @throws Error if it is not set */
export function resolveSettings(text: string, settings: NodeJS.ProcessEnv): string {
  return text.replaceAll(/%([^%]+)%/g, (_, name: string) => {
    const value = settings[name];
    if (value === undefined) throw new Error(`"${text}" refers to the app setting ${name}, which is not set.`);
    return value;
  });
}

/** @returns whether `AzureWebJobs.<name>.Disabled` is true or 1 */
export function isDisabled(functionName: string, settings: NodeJS.ProcessEnv): boolean {
  return /^(true|1)$/i.test(settings[`AzureWebJobs.${functionName}.Disabled`] ?? '');
}
