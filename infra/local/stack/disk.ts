import { statfs } from 'node:fs/promises';

/** Bytes. With less, SQLite and Azurite soon fail to write. */
const leastFreeBytes = 16 * 1024 * 1024;

/** @returns what is wrong with the disk of a directory, and what to do; undefined if it has room */
export async function diskProblem(directory: string): Promise<string | undefined> {
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes >= leastFreeBytes) return undefined;
  return `The disk of ${directory} is full: ${megabytes(freeBytes)} MB are free, and the stack needs at least ${megabytes(leastFreeBytes)} MB. Delete files there, or set LOCAL_DIR to a folder on another disk.`;
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
