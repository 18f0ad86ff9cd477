/** A stored document. One that was read also has the columns of its indexed paths. */
export interface StoredDocument {
  readonly rid: number;
  /** JSON, without what the service adds. */
  readonly body: string;
  readonly etag: string;
  /** Seconds since 1970. */
  readonly ts: number;
}

/*
 * The members that the service adds to a resource. A resource id is a number in base64 that begins with the id of the parent.
 * It has `-` instead of `/`, so that it can be part of a path.
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

/** Creates the function that writes documents as clients see them. It appends to the JSON text and does not parse it. */
export function createDocumentWriter(database: number, container: number): (document: StoredDocument) => string {
  const documents = `dbs/${resourceId(database)}/colls/${resourceId(database, container)}/docs/`;
  return ({ rid, body, etag, ts }) => {
    const id = resourceId(database, container, rid);
    // A body always contains at least the id, so a comma can follow.
    return `${body.slice(0, -1)},"_rid":"${id}","_self":"${documents}${id}/","_etag":"\\"${etag}\\"","_attachments":"attachments/","_ts":${ts}}`;
  };
}

const added = ['_rid', '_self', '_etag', '_attachments', '_ts'];

/** Removes the members that the service adds. Clients may send them back. */
export function withoutAdded(document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!added.some((name) => Object.hasOwn(document, name))) return document;
  return Object.fromEntries(Object.entries(document).filter(([name]) => !added.includes(name)));
}
