import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { badRequest, conflict, notFound } from '../errors.ts';
import { type ContainerDefinition, parseContainerDefinition, resourceName } from './container-definition.ts';
import type { GroupCommit } from './database.ts';
import { parseResourceId, resourceId } from './document.ts';
import { createDocumentTable, type DocumentTable, tableName, updateExpiry } from './document-table.ts';

/** A database or container as clients see it. */
export type Resource = Readonly<Record<string, unknown>>;

export interface OpenContainer {
  readonly rid: number;
  readonly databaseRid: number;
  readonly definition: ContainerDefinition;
  readonly documents: DocumentTable;
  readonly resource: Resource;
}

/** The steps of a path. An empty step is one that the path does not have. */
export interface Address {
  readonly database: string;
  readonly container: string;
  readonly document: string;
}

/** Databases and containers. Every function throws the CosmosError that the service would answer. */
export interface Catalog {
  databases(): Resource[];
  createDatabase(body: unknown): Resource;
  readDatabase(id: string): Resource;
  deleteDatabase(id: string): void;
  containers(database: string): Resource[];
  createContainer(database: string, body: unknown): OpenContainer;
  container(database: string, id: string): OpenContainer;
  /** Replaces the resource ids of an address by names. An address whose database has this name is one of names already. */
  named(address: Address): Address;
  replaceContainer(database: string, id: string, body: unknown): OpenContainer;
  deleteContainer(database: string, id: string): void;
  removeExpired(): void;
  /** Closes the open containers. Call it after a rollback, which may have removed them. */
  closeContainers(): void;
}

interface DatabaseRow {
  readonly rid: number;
  readonly id: string;
  readonly etag: string;
  readonly ts: number;
}

interface ContainerRow extends DatabaseRow {
  readonly database_rid: number;
  readonly definition: string;
}

export function createCatalog(database: DatabaseSync, commits: GroupCommit, now: () => number): Catalog {
  const open = new Map<string, OpenContainer>();
  const keyOf = (databaseId: string, id: string) => `${databaseId}/${id}`;
  const seconds = () => Math.floor(now() / 1000);
  const findDatabase = database.prepare('SELECT * FROM databases WHERE id = ?');
  const findDatabaseByRid = database.prepare('SELECT * FROM databases WHERE rid = ?');
  const findContainerByRid = database.prepare('SELECT * FROM containers WHERE database_rid = ? AND rid = ?');
  const findContainer = database.prepare('SELECT * FROM containers WHERE database_rid = ? AND id = ?');
  const listContainers = database.prepare('SELECT * FROM containers WHERE database_rid = ? ORDER BY id');

  function databaseRow(id: string): DatabaseRow {
    const row = findDatabase.get(id) as DatabaseRow | undefined;
    if (row === undefined) throw notFound();
    return row;
  }

  function openContainer(databaseId: string, id: string): OpenContainer {
    const kept = open.get(keyOf(databaseId, id));
    if (kept !== undefined) return kept;
    const databaseRid = databaseRow(databaseId).rid;
    const row = findContainer.get(databaseRid, id) as ContainerRow | undefined;
    if (row === undefined) throw notFound();
    const definition = JSON.parse(row.definition) as ContainerDefinition;
    const documents = createDocumentTable({ database, commits, definition, databaseRid, containerRid: row.rid, now });
    const opened = { rid: row.rid, databaseRid, definition, documents, resource: containerResource(row) };
    open.set(keyOf(databaseId, id), opened);
    return opened;
  }

  /** @throws CosmosError 404 if the step is not the resource id of a container of the database */
  function containerOfRid(databaseRid: number, step: string): ContainerRow {
    const { database: owner, container, document } = parseResourceId(step) ?? {};
    const isOfDatabase = owner === databaseRid && container !== undefined && document === undefined;
    const row = isOfDatabase ? findContainerByRid.get(databaseRid, container) : undefined;
    if (row === undefined) throw notFound();
    return row as unknown as ContainerRow;
  }

  function dropContainer(rid: number): void {
    database.exec(`DROP TABLE IF EXISTS ${tableName(rid)}`);
    database.prepare('DELETE FROM containers WHERE rid = ?').run(rid);
  }

  return {
    databases: () =>
      (database.prepare('SELECT * FROM databases ORDER BY id').all() as unknown as DatabaseRow[]).map(databaseResource),

    createDatabase(body) {
      const id = resourceName((body as { id?: unknown } | undefined)?.id);
      if (findDatabase.get(id) !== undefined) throw conflict();
      commits.begin();
      database.prepare('INSERT INTO databases (id, etag, ts) VALUES (?, ?, ?)').run(id, randomUUID(), seconds());
      return databaseResource(databaseRow(id));
    },

    readDatabase: (id) => databaseResource(databaseRow(id)),

    deleteDatabase(id) {
      const { rid } = databaseRow(id);
      commits.begin();
      open.clear();
      for (const row of listContainers.all(rid)) dropContainer(Number(row['rid']));
      database.prepare('DELETE FROM databases WHERE rid = ?').run(rid);
    },

    containers: (databaseId) =>
      (listContainers.all(databaseRow(databaseId).rid) as unknown as ContainerRow[]).map(containerResource),

    createContainer(databaseId, body) {
      const definition = parseContainerDefinition(body);
      const { rid } = databaseRow(databaseId);
      if (findContainer.get(rid, definition.id) !== undefined) throw conflict();
      return commits.atomically(() => {
        database
          .prepare('INSERT INTO containers (database_rid, id, definition, etag, ts) VALUES (?, ?, ?, ?, ?)')
          .run(rid, definition.id, JSON.stringify(definition), randomUUID(), seconds());
        return openContainer(databaseId, definition.id);
      });
    },

    container: openContainer,

    named(address) {
      const { database: rid, container: noDatabase } = parseResourceId(address.database) ?? {};
      if (rid === undefined || noDatabase !== undefined || findDatabase.get(address.database) !== undefined)
        return address;
      const owner = findDatabaseByRid.get(rid) as DatabaseRow | undefined;
      if (owner === undefined) throw notFound();
      const container = address.container === '' ? '' : containerOfRid(rid, address.container).id;
      if (address.document === '') return { database: owner.id, container, document: '' };
      const { document } = parseResourceId(address.document) ?? {};
      const id = document === undefined ? undefined : openContainer(owner.id, container).documents.idOf(document);
      if (id === undefined) throw notFound();
      return { database: owner.id, container, document: id };
    },

    replaceContainer(databaseId, id, body) {
      const { rid, definition: before } = openContainer(databaseId, id);
      const definition = parseContainerDefinition(body);
      const samePaths = JSON.stringify(before.partitionKey.paths) === JSON.stringify(definition.partitionKey.paths);
      if (definition.id !== id || !samePaths)
        throw badRequest('The id and the partition key of a container cannot be changed.');
      open.delete(keyOf(databaseId, id));
      return commits.atomically(() => {
        database
          .prepare('UPDATE containers SET definition = ?, etag = ?, ts = ? WHERE rid = ?')
          .run(JSON.stringify(definition), randomUUID(), seconds(), rid);
        // Opening a container creates its missing indexes.
        const changed = openContainer(databaseId, id);
        if (before.defaultTtl !== definition.defaultTtl) updateExpiry(database, rid, definition.defaultTtl);
        return changed;
      });
    },

    deleteContainer(databaseId, id) {
      const { rid } = openContainer(databaseId, id);
      commits.begin();
      open.delete(keyOf(databaseId, id));
      dropContainer(rid);
    },

    removeExpired() {
      const all = database.prepare(
        'SELECT databases.id AS database, containers.id FROM containers JOIN databases ON databases.rid = database_rid',
      );
      for (const { database: owner, id } of all.all())
        openContainer(String(owner), String(id)).documents.removeExpired();
    },

    closeContainers: () => open.clear(),
  };
}

function databaseResource({ rid, id, etag, ts }: DatabaseRow): Resource {
  const self = resourceId(rid);
  return { id, _rid: self, _self: `dbs/${self}/`, _etag: `"${etag}"`, _colls: 'colls/', _users: 'users/', _ts: ts };
}

const defaultIndexing = {
  indexingMode: 'consistent',
  automatic: true,
  includedPaths: [{ path: '/*' }],
  excludedPaths: [{ path: '/"_etag"/?' }],
};

function containerResource({ rid, database_rid, definition, etag, ts }: ContainerRow): Resource {
  const self = resourceId(database_rid, rid);
  return {
    indexingPolicy: defaultIndexing,
    ...(JSON.parse(definition) as ContainerDefinition),
    ...{ _rid: self, _self: `dbs/${resourceId(database_rid)}/colls/${self}/`, _etag: `"${etag}"`, _ts: ts },
    ...{ _docs: 'docs/', _sprocs: 'sprocs/', _triggers: 'triggers/', _udfs: 'udfs/', _conflicts: 'conflicts/' },
  };
}
