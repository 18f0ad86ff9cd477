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
    // One process, one connection: without the exclusive lock two emulators on one file would overwrite each other's view.
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

export interface GroupCommit {
  /** Call before each write: joins the open transaction, or opens one that is committed at the end of this turn. */
  begin(): void;
  /** Runs a step whose writes stand or fall together, whatever else shares the transaction. */
  atomically<T>(step: () => T): T;
  /** Calls back once everything written so far is committed, or could not be; at once where nothing is open. */
  afterCommit(done: (error?: Error) => void): void;
  /** Commits now. */
  flush(): void;
}

/**
 * Requests that arrive in one turn of the event loop share a transaction, and none is answered before it is committed.
 * Nobody waits for others to come: a lone write is committed as soon as the turn that brought it has ended.
 */
export function createGroupCommit(database: DatabaseSync, onRollback: () => void): GroupCommit {
  let open = false;
  let waiting: ((error?: Error) => void)[] = [];

  function flush(): void {
    if (!open) return;
    open = false;
    const answers = waiting;
    waiting = [];
    let failure: Error | undefined;
    try {
      database.exec('COMMIT');
    } catch (error) {
      failure = error as Error;
      // SQLite has rolled back by itself where the disk failed it.
      if (database.isTransaction) database.exec('ROLLBACK');
      onRollback();
    }
    for (const answer of answers) answer(failure);
  }

  const begin = () => {
    if (open) return;
    database.exec('BEGIN IMMEDIATE');
    open = true;
    setImmediate(flush);
  };

  return {
    begin,
    flush,
    atomically(step) {
      begin();
      database.exec('SAVEPOINT step');
      try {
        const result = step();
        database.exec('RELEASE step');
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK TO step; RELEASE step');
        throw error;
      }
    },
    afterCommit(done) {
      if (open) waiting.push(done);
      else done();
    },
  };
}
