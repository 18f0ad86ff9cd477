import type { DatabaseSync } from 'node:sqlite';

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
