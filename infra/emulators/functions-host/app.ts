import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FunctionsCore } from './functions-core.ts';

/**
 * Loads an app as the worker does: every file that `main` in its package.json names, one after another. Unlike the
 * worker, which then shows an app without functions, this is loud about a file that fails and about an empty app.
 */
export async function loadApp(directory: string, core: FunctionsCore): Promise<void> {
  const { main } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as { main?: string };
  if (main === undefined) throw new Error(`package.json in ${directory} has no "main".`);
  const files = (await Array.fromAsync(glob(main, { cwd: directory }))).sort();
  if (files.length === 0) throw new Error(`"main" of ${directory} matches no file: ${main}. Was the app built?`);
  for (const file of files) {
    try {
      await import(pathToFileURL(join(directory, file)).href);
    } catch (error) {
      throw new Error(`${file} cannot be loaded`, { cause: error });
    }
  }
  if (core.functions.size === 0) throw new Error(`${files.length} files were loaded and registered no function.`);
  for (const hook of core.hooks.appStart)
    await hook({ hookData: {}, appHookData: {}, functionAppDirectory: directory });
  core.model().getCapabilities({});
  core.lock();
}

/** `%NAME%` in a queue name, schedule or route is the app setting of that name. */
export function resolveSettings(text: string, settings: NodeJS.ProcessEnv): string {
  return text.replaceAll(/%([^%]+)%/g, (_, name: string) => {
    const value = settings[name];
    if (value === undefined) throw new Error(`"${text}" names the app setting ${name}, which is not set.`);
    return value;
  });
}

/** `AzureWebJobs.<name>.Disabled=true` switches a function off. */
export function isDisabled(functionName: string, settings: NodeJS.ProcessEnv): boolean {
  return /^(true|1)$/i.test(settings[`AzureWebJobs.${functionName}.Disabled`] ?? '');
}
