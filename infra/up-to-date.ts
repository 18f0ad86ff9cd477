import { readFile, rm, stat, writeFile } from 'node:fs/promises';

/** Path and state of each file that a build read or wrote. */
type Stamp = readonly (readonly [path: string, state: string])[];

/**
 * Whether the files that a build read and wrote are as it left them.
 * @param stampFile as `stampBuild` wrote it
 */
export async function isUpToDate(stampFile: string): Promise<boolean> {
  const text = await readFile(stampFile, 'utf8').catch(() => '[]');
  const stamp = JSON.parse(text) as Stamp;
  const states = await Promise.all(stamp.map(async ([path, state]) => state === (await stateOf(path)).text));
  return states.length > 0 && states.every(Boolean);
}

export interface FinishedBuild {
  readonly read: Iterable<string>;
  readonly written: Iterable<string>;
  /** When it began, in milliseconds since 1970. */
  readonly began: number;
}

/**
 * Writes down the state of the files of a build, so that the next one can be left out. Not if a file that it read changed
 * meanwhile: it may have read the older content.
 */
export async function stampBuild(stampFile: string, { read, written, began }: FinishedBuild): Promise<void> {
  const states = (paths: Iterable<string>) =>
    Promise.all([...new Set(paths)].map(async (path) => ({ path, ...(await stateOf(path)) })));
  const [inputs, outputs] = await Promise.all([states(read), states(written)]);
  if (inputs.some(({ changedAt }) => changedAt >= began)) return;
  const stamp: Stamp = [...inputs, ...outputs].map(({ path, text }) => [path, text]);
  await writeFile(stampFile, JSON.stringify(stamp));
}

/** Call it before a build: one that is cut then counts as not done. */
export async function removeStamp(stampFile: string): Promise<void> {
  await rm(stampFile, { force: true });
}

/**
 * Size, and the time of the last change of the inode: unlike the time of modification, no program can set it, and npm does not
 * give all files of a package the same one.
 */
async function stateOf(path: string): Promise<{ readonly text: string; readonly changedAt: number }> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return { text: 'missing', changedAt: 0 };
  return { text: `${found.size} ${found.ctimeMs}`, changedAt: found.ctimeMs };
}
