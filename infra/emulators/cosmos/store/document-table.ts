import { randomUUID } from 'node:crypto';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { badRequest, conflict, notFound, preconditionFailed } from '../errors.ts';
import type { PartitionKey } from '../partition-key.ts';
import { parseCondition, parseQuery } from '../query/parse.ts';
import { type PageRequest, type QueryPage, type QueryScope, runQuery } from '../query/run.ts';
import { condition, jsonPath, type Sql, type SqlValue } from '../query/sql.ts';
import { type ContainerDefinition, isTtl } from './container-definition.ts';
import type { GroupCommit } from './database.ts';
import { createDocumentWriter, type StoredDocument } from './document.ts';
import { columnsByPath, columnValue, makeIndexes, pathColumns } from './indexes.ts';

export interface DocumentKey {
  readonly id: string;
  readonly partition: PartitionKey;
}

/** A document to write. */
export interface DocumentContent {
  /** JSON, without what the service adds. */
  readonly body: string;
  /** The same, parsed. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** The documents of one container. Functions throw the CosmosError that the service would answer. */
export interface DocumentTable {
  read(key: DocumentKey): StoredDocument | undefined;
  /** The id of the document with a resource id, by its last number. */
  idOf(rid: number): string | undefined;
  insert(key: DocumentKey, content: DocumentContent): StoredDocument;
  update(before: StoredDocument, content: DocumentContent): StoredDocument;
  remove(before: StoredDocument): void;
  fulfils(document: StoredDocument, predicate: string): boolean;
  query(
    text: string,
    parameters: ReadonlyMap<string, unknown>,
    partition: PartitionKey | undefined,
    page: PageRequest,
  ): QueryPage;
  /** SQLite's plan of a query, one line per step. Tests use it to see which index is used. */
  explain(text: string, parameters: ReadonlyMap<string, unknown>, partition?: PartitionKey): string[];
  toJson(document: StoredDocument): string;
  removeExpired(): void;
}

export interface DocumentTableOptions {
  readonly database: DatabaseSync;
  readonly commits: GroupCommit;
  readonly definition: ContainerDefinition;
  readonly databaseRid: number;
  readonly containerRid: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Limits the memory that queries of clients can use. */
const maxStatements = 200;

export const tableName = (containerRid: number) => `docs_${containerRid}`;

export function createDocumentTable(options: DocumentTableOptions): DocumentTable {
  const { database, commits, databaseRid, containerRid, now } = options;
  const table = tableName(containerRid);
  const { definition } = options;
  const byId = definition.partitionKey.paths.length === 1 && definition.partitionKey.paths[0] === '/id';
  const write = createDocumentWriter(databaseRid, containerRid);
  const indexed = pathColumns(definition);
  // With the name of its table: the elements of an array have a column `id` too.
  const byPath = new Map([...columnsByPath(indexed), [jsonPath(['id']), `${table}.id`]]);
  createTable(database, table, byId);
  makeIndexes(database, table, definition, indexed);

  const statements = new Map<string, StatementSync>();
  function statement(text: string): StatementSync {
    const kept = statements.get(text);
    if (kept !== undefined) return kept;
    const oldest = statements.size >= maxStatements ? statements.keys().next().value : undefined;
    if (oldest !== undefined) statements.delete(oldest);
    const made = database.prepare(text);
    statements.set(text, made);
    return made;
  }

  const seconds = () => Math.floor(now() / 1000);
  const names = indexed.map(({ name }) => name);
  const inserted = ['pk', 'id', 'body', 'etag', 'ts', 'expires', ...names];
  const read = database.prepare(
    `SELECT ${['rid', 'body', 'etag', 'ts', 'expires', ...names].join(', ')} FROM ${table} WHERE pk = ? AND id = ?`,
  );
  const insert = database.prepare(
    `INSERT INTO ${table} (${inserted.join(', ')}) VALUES (${inserted.map(() => '?').join(', ')}) ON CONFLICT DO NOTHING`,
  );
  const remove = database.prepare(`DELETE FROM ${table} WHERE rid = ?`);
  const removeExpired = database.prepare(`DELETE FROM ${table} WHERE expires <= ?`);

  function expiry({ document: { ttl } }: DocumentContent, ts: number): number | null {
    const { defaultTtl } = definition;
    if (ttl !== undefined && ttl !== null && !isTtl(ttl)) throw badRequest('ttl must be a number of seconds or -1.');
    if (defaultTtl === undefined) return null;
    const life = ttl ?? defaultTtl;
    return life === -1 ? null : ts + Number(life);
  }

  function find({ id, partition }: DocumentKey): StoredDocument | undefined {
    const row = read.get(partition, id) as (StoredDocument & { expires: number | null }) | undefined;
    if (row === undefined || (row.expires !== null && row.expires <= seconds())) return undefined;
    return row;
  }

  function filterOf(partition: PartitionKey | undefined): Sql {
    const parts: Sql[] = [];
    if (definition.defaultTtl !== undefined) {
      parts.push({ text: '(expires IS NULL OR expires > ?)', bindings: [seconds()] });
    }
    if (partition !== undefined) {
      // If the partition key is the id, use the index on the id.
      if (byId) parts.push({ text: `${table}.id = ?`, bindings: [String((JSON.parse(partition) as unknown[])[0])] });
      parts.push({ text: 'pk = ?', bindings: [partition] });
    }
    return { text: parts.map(({ text }) => text).join(' AND '), bindings: parts.flatMap(({ bindings }) => bindings) };
  }

  function scopeOf(partition: PartitionKey | undefined, all: QueryScope['all']): QueryScope {
    // A partition is small compared with its container. SQLite does not know that and could choose another index.
    const indexedBy = partition === undefined || byId ? '' : ` INDEXED BY ${table}_key`;
    return {
      table,
      filter: filterOf(partition),
      indexedBy,
      all,
      toJson: (row) => write(row as unknown as StoredDocument),
    };
  }

  function run({ text, bindings }: Sql): Record<string, unknown>[] {
    try {
      return statement(text).all(...(bindings as SQLInputValue[]));
    } catch (error) {
      // SQLITE_ERROR and SQLITE_TOOBIG: the query exceeds a limit of SQLite.
      const { errcode } = error as { errcode?: number };
      if (errcode === 1 || errcode === 18)
        throw badRequest(`The emulator cannot run the query: ${(error as Error).message}`);
      throw error;
    }
  }

  return {
    read: find,

    idOf(rid) {
      const row = database.prepare(`SELECT id FROM ${table} WHERE rid = ?`).get(rid);
      return row === undefined ? undefined : String(row['id']);
    },

    insert(key, content) {
      const ts = seconds();
      const stored = { body: content.body, etag: randomUUID(), ts };
      const row = [key.partition, key.id, stored.body, stored.etag, ts, expiry(content, ts)];
      const values = [...row, ...indexed.map(({ steps }) => columnValue(content.document, steps))];
      commits.begin();
      let { changes, lastInsertRowid } = insert.run(...values);
      if (changes === 0) {
        if (find(key) !== undefined) throw conflict();
        // An expired document that has not been removed yet.
        const expired = read.get(key.partition, key.id);
        if (expired !== undefined) remove.run(Number(expired['rid']));
        ({ changes, lastInsertRowid } = insert.run(...values));
        if (changes === 0) throw conflict();
      }
      return { rid: Number(lastInsertRowid), ...stored };
    },

    update(before, content) {
      const ts = seconds();
      const stored = { rid: before.rid, body: content.body, etag: randomUUID(), ts };
      const expires = expiry(content, ts);
      const changed = indexed
        .map(({ steps, name }) => ({ name, value: columnValue(content.document, steps) }))
        .filter(({ name, value }) => !isSame((before as unknown as Record<string, SqlValue>)[name], value));
      // Leave out unchanged columns. SQLite would rewrite their indexes.
      const columns = ['body', 'etag', 'ts', 'expires', ...changed.map(({ name }) => name)];
      commits.begin();
      statement(`UPDATE ${table} SET ${columns.map((name) => `${name} = ?`).join(', ')} WHERE rid = ?`).run(
        ...[stored.body, stored.etag, ts, expires, ...changed.map(({ value }) => value), before.rid],
      );
      return stored;
    },

    remove(before) {
      commits.begin();
      remove.run(before.rid);
    },

    fulfils({ rid }, predicate) {
      const { where } = parseCondition(predicate);
      if (where === undefined) throw badRequest('The condition of a patch needs a WHERE clause.');
      const { text, bindings } = condition(where, { parameters: new Map(), columns: byPath });
      return run({ text: `SELECT 1 FROM ${table} WHERE rid = ? AND ${text}`, bindings: [rid, ...bindings] }).length > 0;
    },

    query(text, parameters, partition, page) {
      return runQuery(parseQuery(text), { parameters, columns: byPath }, scopeOf(partition, run), page);
    },

    explain(text, parameters, partition) {
      const steps: string[] = [];
      const explaining: QueryScope['all'] = ({ text: sql, bindings }) => {
        for (const { detail } of run({ text: `EXPLAIN QUERY PLAN ${sql}`, bindings })) steps.push(String(detail));
        return [];
      };
      runQuery(parseQuery(text), { parameters, columns: byPath }, scopeOf(partition, explaining), { maxItems: 100 });
      return steps;
    },

    toJson: write,

    removeExpired() {
      if (definition.defaultTtl === undefined) return;
      commits.begin();
      removeExpired.run(seconds());
    },
  };
}

/** @returns the document, if it exists and has the etag of If-Match. @throws CosmosError 404 or 412 */
export function requireVersion(document: StoredDocument | undefined, ifMatch: string | undefined): StoredDocument {
  if (document === undefined) throw notFound();
  if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== `"${document.etag}"` && ifMatch !== document.etag) {
    throw preconditionFailed();
  }
  return document;
}

function createTable(database: DatabaseSync, table: string, byId: boolean): void {
  database.exec(`CREATE TABLE IF NOT EXISTS ${table} (
    rid INTEGER PRIMARY KEY, pk TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, etag TEXT NOT NULL,
    ts INTEGER NOT NULL, expires INTEGER
  )`);
  if (byId) {
    database.exec(`CREATE UNIQUE INDEX IF NOT EXISTS ${table}_key ON ${table} (id)`);
  } else {
    database.exec(`CREATE UNIQUE INDEX IF NOT EXISTS ${table}_key ON ${table} (pk, id)`);
    database.exec(`CREATE INDEX IF NOT EXISTS ${table}_id ON ${table} (id)`);
  }
  database.exec(`CREATE INDEX IF NOT EXISTS ${table}_expires ON ${table} (expires) WHERE expires IS NOT NULL`);
}

function isSame(a: SqlValue | undefined, b: SqlValue): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) === 0 : a === b;
}

/** Recomputes the expiry of all documents after a change of the container's time to live. */
export function updateExpiry(database: DatabaseSync, containerRid: number, defaultTtl: number | undefined): void {
  const table = tableName(containerRid);
  if (defaultTtl === undefined) {
    database.exec(`UPDATE ${table} SET expires = NULL WHERE expires IS NOT NULL`);
    return;
  }
  database
    .prepare(`UPDATE ${table} SET expires = ts + nullif(coalesce(json_extract(body, '$.ttl'), ?), -1)`)
    .run(defaultTtl);
}
