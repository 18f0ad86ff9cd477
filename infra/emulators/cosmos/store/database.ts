import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * `normal`: acknowledged writes survive the end of this process, even a `kill -9`, because a commit writes the log to the
 * operating system. A power cut or a kernel crash can lose the last commits, but never a part of one.
 * `full`: acknowledged writes survive that too. It costs one fsync per commit.
 * https://www.sqlite.org/pragma.html#pragma_synchronous
 */
export type Durability = 'normal' | 'full';

/** Opens the file, or a database in memory. @throws Error if another process has opened the file */
export function openStore(file: string | undefined, durability: Durability): DatabaseSync {
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file ?? ':memory:');
  try {
    // Two processes on one file would not see each other's changes to the open containers.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    database.exec(`PRAGMA synchronous = ${durability}`);
    // A checkpoint per 16 MB of log instead of per 4 MB. Only a checkpoint makes writes wait for the disk.
    database.exec('PRAGMA wal_autocheckpoint = 4000');
    // 256 MB, taken as they are needed: the indexes of a million documents, whose serial numbers and thumbprints are random.
    database.exec('PRAGMA cache_size = -262144');
    // Limits how many rows `PRAGMA optimize` reads.
    database.exec('PRAGMA analysis_limit = 1000');
    database.exec(schema);
  } catch (error) {
    database.close();
    if (!/locked/.test((error as Error).message)) throw error;
    throw new Error(`Another process has the store ${file} open. Stop it, or choose another file with --file.`, {
      cause: error,
    });
  }
  return database;
}

/** `definition` is the JSON of a ContainerDefinition. The documents of a container are in the table `docs_<rid>`. */
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
  /** Call it before each write. It joins the open transaction, or opens one that is committed at the end of this turn. */
  begin(): void;
  /** Runs a step whose writes are all kept or all undone, also within a shared transaction. */
  atomically<T>(step: () => T): T;
  /** Calls back after the writes so far were committed, or failed to be. Calls back at once if there are none. */
  afterCommit(done: (error?: Error) => void): void;
  /** Commits now. */
  flush(): void;
}

/**
 * Requests that arrive in one turn of the event loop share a transaction. They are answered after it is committed. A single
 * write does not wait for others: it is committed at the end of its turn.
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
      // After a disk error SQLite has already rolled back.
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
