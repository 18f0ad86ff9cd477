import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

export interface DirectoryLock {
  /** True if the previous stack of the directory was killed. Its processes may need a moment to end. */
  readonly isAfterKill: boolean;
  /** Announces the end of this stack: the next one then waits for the lock. Otherwise it is refused. */
  announceEnd(): void;
  /** May be called more than once. */
  release(): void;
}

/** Milliseconds. A stack that ends needs at most its `drainTimeout` of 15 s. */
const longestEnd = 20_000;

/**
 * Locks a directory for this process. Two stacks in one directory would overwrite each other's data. Waits for a stack that
 * is ending.
 *
 * The lock is the operating system's lock on a SQLite file, so it is released when the process ends, even after a `kill -9`.
 * The file stack.pid names the process that holds it. It decides nothing: it only makes a better message.
 *
 * @throws Error if another process holds the lock
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const ownerFile = join(directory, 'stack.pid');
  const lock = await openLock(directory, ownerFile);
  const isAfterKill = readOwner(ownerFile) !== undefined;
  const removeOwner = () => rmSync(ownerFile, { force: true });
  let isHeld = true;
  const release = () => {
    if (!isHeld) return;
    isHeld = false;
    removeOwner();
    lock.close();
  };
  try {
    writeFileSync(ownerFile, `${process.pid}\n`);
  } catch (error) {
    release();
    throw error;
  }
  return { isAfterKill, announceEnd: removeOwner, release };
}

async function openLock(directory: string, ownerFile: string): Promise<DatabaseSync> {
  for (const deadline = Date.now() + longestEnd; ; await sleep(100)) {
    const lock = new DatabaseSync(join(directory, 'stack.lock'));
    try {
      lock.exec('BEGIN EXCLUSIVE');
      return lock;
    } catch (error) {
      lock.close();
      if (!/locked/.test((error as Error).message)) throw error;
      const owner = readOwner(ownerFile);
      if (owner === undefined && Date.now() < deadline) continue;
      throw new Error(
        `A stack already runs in ${directory} (process ${owner ?? 'unknown'}). Stop it, or set LOCAL_DIR to another directory.`,
        { cause: error },
      );
    }
  }
}

function readOwner(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
