import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readLocalSettings } from '../settings.ts';
import type { Stack } from '../stack.ts';

/** The part of a running stack that other commands need: `fleet submit`, `order`, `register` and `ca`. */
export type RunningStack = Pick<
  Stack,
  'urls' | 'dps' | 'functionsKey' | 'storageConnectionString' | 'appSettings' | 'caPath'
>;

const fileIn = (directory: string) => join(directory, 'stack.json');

/** Writes stack.json into the stack's directory. @returns the function that deletes it */
export async function announceStack(directory: string, stack: Stack): Promise<() => Promise<void>> {
  const { urls, dps, functionsKey, storageConnectionString, appSettings, caPath } = stack;
  const running: RunningStack = { urls, dps, functionsKey, storageConnectionString, appSettings, caPath };
  await writeFile(fileIn(directory), JSON.stringify(running, undefined, 2), { mode: 0o600 });
  return () => rm(fileIn(directory), { force: true });
}

/** Finds the stack that runs in LOCAL_DIR. @throws Error if none answers there */
export async function findStack(): Promise<RunningStack> {
  const { directory } = readLocalSettings();
  try {
    const stack = JSON.parse(await readFile(fileIn(directory), 'utf8')) as RunningStack;
    // A stack that was killed leaves its file behind. Any HTTP answer shows that it runs.
    await fetch(stack.urls.functions);
    return stack;
  } catch (error) {
    throw new Error(`No local stack runs in ${directory}. Start it in another terminal: npm start`, { cause: error });
  }
}
