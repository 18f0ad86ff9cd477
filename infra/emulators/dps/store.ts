import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

/** JSON documents of one kind, in the order of creation. */
export interface Collection<T> {
  get(key: string): T | undefined;
  /** Creates or replaces a document. A replaced document keeps its place in the order. */
  put(key: string, value: T, parent?: string): void;
  delete(key: string): boolean;
  deleteChildren(parent: string): void;
  count(parent?: string): number;
  page(request?: PageRequest): Page<T>;
}

export interface PageRequest {
  readonly parent?: string;
  /** `next` of the previous page. */
  readonly after?: number;
  readonly limit?: number;
  /** A condition on the columns `key` and `body` (JSON), with bound values. Only `compileDeviceQuery` writes it. */
  readonly where?: { readonly sql: string; readonly values: readonly SQLInputValue[] };
}

export interface Page<T> {
  readonly values: readonly T[];
  /** Undefined on the last page. */
  readonly next?: number;
}

export interface Store {
  collection<T>(name: string): Collection<T>;
  /** A page over several collections. */
  pageOf<T>(names: readonly string[], request?: PageRequest): Page<T>;
  /** The number of documents in several collections, optionally with a condition. */
  countOf(names: readonly string[], where?: PageRequest['where']): number;
  /** Runs a transaction. A nested call joins the outer one. */
  transaction<T>(work: () => T): T;
  close(): void;
}

/**
 * Creates the store of all documents in a SQLite file or in memory. With the write-ahead log and synchronous NORMAL, committed
 * writes survive a `kill -9`. A power cut can lose the last ones
 * (https://www.sqlite.org/pragma.html#pragma_synchronous).
 */
export function createStore({ path = ':memory:' }: { path?: string } = {}): Store {
  const database = new DatabaseSync(path);
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS documents (
      position INTEGER PRIMARY KEY AUTOINCREMENT,
      collection TEXT NOT NULL, key TEXT NOT NULL, parent TEXT NOT NULL, body TEXT NOT NULL,
      UNIQUE (collection, key)
    );
    CREATE INDEX IF NOT EXISTS by_parent ON documents (collection, parent, position);
    CREATE INDEX IF NOT EXISTS by_collection ON documents (collection, position);
  `);
  const statements = {
    get: database.prepare('SELECT body FROM documents WHERE collection = ? AND key = ?'),
    put: database.prepare(
      `INSERT INTO documents (collection, key, parent, body) VALUES (?, ?, ?, ?)
       ON CONFLICT (collection, key) DO UPDATE SET parent = excluded.parent, body = excluded.body`,
    ),
    delete: database.prepare('DELETE FROM documents WHERE collection = ? AND key = ?'),
    deleteChildren: database.prepare('DELETE FROM documents WHERE collection = ? AND parent = ?'),
    count: database.prepare('SELECT count(*) AS n FROM documents WHERE collection = ?'),
    countOfParent: database.prepare('SELECT count(*) AS n FROM documents WHERE collection = ? AND parent = ?'),
  };
  const pageStatements = new Map<string, ReturnType<DatabaseSync['prepare']>>();
  let depth = 0;

  function collection<T>(name: string): Collection<T> {
    return {
      get(key) {
        const row = statements.get.get(name, key);
        return row ? (JSON.parse(String(row.body)) as T) : undefined;
      },
      put: (key, value, parent = '') => void statements.put.run(name, key, parent, JSON.stringify(value)),
      delete: (key) => statements.delete.run(name, key).changes > 0,
      deleteChildren: (parent) => void statements.deleteChildren.run(name, parent),
      count: (parent) =>
        Number((parent === undefined ? statements.count.get(name) : statements.countOfParent.get(name, parent))?.n),
      page: (request) => pageOf<T>([name], request),
    };
  }

  function pageOf<T>(names: readonly string[], request: PageRequest = {}): Page<T> {
    const { parent, after = 0, limit = Number.MAX_SAFE_INTEGER - 1, where } = request;
    const sql = `SELECT position, body FROM documents
      WHERE collection IN (${names.map(() => '?').join(', ')}) AND position > ?
      ${parent === undefined ? '' : 'AND parent = ?'} ${where ? `AND (${where.sql})` : ''} ORDER BY position LIMIT ?`;
    // Read one more document than requested, to know whether there is a next page.
    const values = [...names, after, ...(parent === undefined ? [] : [parent]), ...(where?.values ?? []), limit + 1];
    const rows = prepare(sql).all(...values);
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      values: shown.map((row) => JSON.parse(String(row.body)) as T),
      ...(rows.length > limit && last ? { next: Number(last.position) } : {}),
    };
  }

  function countOf(names: readonly string[], where?: PageRequest['where']): number {
    const sql = `SELECT count(*) AS n FROM documents
      WHERE collection IN (${names.map(() => '?').join(', ')}) ${where ? `AND (${where.sql})` : ''}`;
    return Number(prepare(sql).get(...names, ...(where?.values ?? []))?.['n']);
  }

  function prepare(sql: string) {
    let statement = pageStatements.get(sql);
    if (!statement) {
      statement = database.prepare(sql);
      // Limits the memory that queries of clients can use.
      if (pageStatements.size >= 100) pageStatements.clear();
      pageStatements.set(sql, statement);
    }
    return statement;
  }

  function transaction<T>(work: () => T): T {
    if (depth > 0) return work();
    database.exec('BEGIN IMMEDIATE');
    depth += 1;
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    } finally {
      depth -= 1;
    }
  }

  return { collection, pageOf, countOf, transaction, close: () => database.close() };
}
