/** A document as it is kept, with the columns of its indexed paths where it was read. */
export interface StoredDocument {
  readonly rid: number;
  /** JSON, without what the service adds. */
  readonly body: string;
  readonly etag: string;
  /** Seconds since 1970. */
  readonly ts: number;
}

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

/** Writes documents of one container as clients see them. Text put to text: a page of a thousand is parsed by nobody here. */
export function createDocumentWriter(database: number, container: number): (document: StoredDocument) => string {
  const documents = `dbs/${resourceId(database)}/colls/${resourceId(database, container)}/docs/`;
  return ({ rid, body, etag, ts }) => {
    const id = resourceId(database, container, rid);
    // A body always has its id, so there is something before the comma.
    return `${body.slice(0, -1)},"_rid":"${id}","_self":"${documents}${id}/","_etag":"\\"${etag}\\"","_attachments":"attachments/","_ts":${ts}}`;
  };
}

const added = ['_rid', '_self', '_etag', '_attachments', '_ts'];

/** A document without what the service adds: clients may send back what they were given. */
export function withoutAdded(document: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!added.some((name) => Object.hasOwn(document, name))) return document;
  return Object.fromEntries(Object.entries(document).filter(([name]) => !added.includes(name)));
}
