import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readLocalSettings } from '../settings.ts';
import type { Stack } from '../stack.ts';

/** What other commands need to know of the stack that `npm start` runs. */
export type RunningStack = Pick<Stack, 'urls' | 'functionsKey' | 'storageConnectionString' | 'appSettings' | 'caPath'>;

const fileIn = (directory: string) => join(directory, 'stack.json');

/** Leaves a note in the stack's directory, for as long as it runs. @returns what takes it away */
export async function announceStack(directory: string, stack: Stack): Promise<() => Promise<void>> {
  const { urls, functionsKey, storageConnectionString, appSettings, caPath } = stack;
  const note: RunningStack = { urls, functionsKey, storageConnectionString, appSettings, caPath };
  await writeFile(fileIn(directory), JSON.stringify(note, undefined, 2), { mode: 0o600 });
  return () => rm(fileIn(directory), { force: true });
}

/** @throws Error where none runs */
export async function findStack(): Promise<RunningStack> {
  const { directory } = readLocalSettings();
  try {
    const stack = JSON.parse(await readFile(fileIn(directory), 'utf8')) as RunningStack;
    // A stack that was killed leaves its note behind. Any answer will do.
    await fetch(stack.urls.functions);
    return stack;
  } catch (error) {
    throw new Error(`No local stack runs on ${directory}. Start it in another terminal: npm start`, { cause: error });
  }
}
