import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Keeps a directory for this process: two stacks on one would overwrite each other's stores. The lock is the operating
 * system's, on a SQLite file, so it is gone with the process, however that ends. @returns what gives the directory back
 * @throws Error that says so where another stack has it
 */
export function holdDirectory(directory: string): () => void {
  const lock = new DatabaseSync(join(directory, 'stack.lock'));
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!/locked/.test((error as Error).message)) throw error;
    throw new Error(`A stack runs on ${directory} already. End it, or set LOCAL_DIR to another directory.`, {
      cause: error,
    });
  }
  let held = true;
  return () => {
    if (held) lock.close();
    held = false;
  };
}
