import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Locks a directory for this process. Two stacks in one directory would overwrite each other's data.
 *
 * The lock is the operating system's lock on a SQLite file, so it is released when the process ends, even after a `kill -9`.
 *
 * @returns the function that releases the lock; it may be called more than once
 * @throws Error if another process holds the lock
 */
export function lockDirectory(directory: string): () => void {
  const lock = new DatabaseSync(join(directory, 'stack.lock'));
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!/locked/.test((error as Error).message)) throw error;
    throw new Error(`A stack already runs in ${directory}. Stop it, or set LOCAL_DIR to another directory.`, {
      cause: error,
    });
  }
  let isHeld = true;
  return () => {
    if (isHeld) lock.close();
    isHeld = false;
  };
}
