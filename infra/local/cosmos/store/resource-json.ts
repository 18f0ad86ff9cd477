import type { StoredDocument } from './document-table.ts';

/*
 * What the service adds to a resource. Resource ids are numbers in base64 whose beginning is the id of what holds the
 * resource, with `-` in place of `/`, so that they can stand in a path.
 */

const parts = { database: 4, container: 8, document: 16 };

export function resourceId(database: number, container?: number, document?: number): string {
  const size = document !== undefined ? parts.document : container !== undefined ? parts.container : parts.database;
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32BE(database, 0);
  if (container !== undefined) bytes.writeUInt32BE(container, 4);
  if (document !== undefined) bytes.writeBigUInt64BE(BigInt(document), 8);
  return bytes.toString('base64').replaceAll('/', '-');
}

/** A document as clients see it. Text put to text: a page of a thousand documents is parsed by nobody here. */
export function documentJson({ rid, body, etag, ts }: StoredDocument, database: number, container: number): string {
  const [db, coll, doc] = [resourceId(database), resourceId(database, container), resourceId(database, container, rid)];
  const self = `dbs/${db}/colls/${coll}/docs/${doc}/`;
  // A body always has its id, so there is something before the comma.
  return `${body.slice(0, -1)},"_rid":"${doc}","_self":"${self}","_etag":"\\"${etag}\\"","_attachments":"attachments/","_ts":${ts}}`;
}

const added = new Set(['_rid', '_self', '_etag', '_attachments', '_ts']);

/** A document without what the service adds: clients may send back what they were given. */
export function withoutAdded(document: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(document).filter(([name]) => !added.has(name)));
}
