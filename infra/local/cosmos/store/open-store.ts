import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * `normal`: what was acknowledged survives the end of this process, however it ends, since a commit hands the log to the
 * operating system before it returns; only the machine itself going down (power, kernel) may take the latest commits, and
 * never less than whole ones. `full`: it survives that too, at the price of one fsync a commit.
 * https://www.sqlite.org/pragma.html#pragma_synchronous
 */
export type Durability = 'normal' | 'full';

/** Opens the store's file, or a new one in memory. @throws Error that says so where another process holds the file */
export function openStore(file: string | undefined, durability: Durability): DatabaseSync {
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file ?? ':memory:');
  try {
    // One process, one connection: without the exclusive lock two stand-ins on one file would overwrite each other's view.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    database.exec(`PRAGMA synchronous = ${durability}`);
    // A checkpoint every 16 MB of log rather than every 4: it is the one moment at which writes wait for the disk.
    database.exec('PRAGMA wal_autocheckpoint = 4000');
    database.exec('PRAGMA cache_size = -65536');
    // Bounds how much of a table `PRAGMA optimize` reads.
    database.exec('PRAGMA analysis_limit = 1000');
    database.exec(schema);
  } catch (error) {
    database.close();
    if (!/locked/.test((error as Error).message)) throw error;
    throw new Error(`Another process has the store ${file} open.`, { cause: error });
  }
  return database;
}

/** Of a container, `definition` is what the client said of it, in JSON. Its documents lie in `docs_<rid>`. */
const schema = `
CREATE TABLE IF NOT EXISTS databases (
  rid INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, etag TEXT NOT NULL, ts INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS containers (
  rid INTEGER PRIMARY KEY AUTOINCREMENT, database_rid INTEGER NOT NULL REFERENCES databases (rid), id TEXT NOT NULL,
  definition TEXT NOT NULL, etag TEXT NOT NULL, ts INTEGER NOT NULL, UNIQUE (database_rid, id)
);
`;
