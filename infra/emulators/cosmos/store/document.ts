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
 * The members that the service adds to a resource. A resource id is bytes in base64 that begin with the id of the parent. It has
 * `-` instead of `/`, so that it can be part of a path.
 *
 * Clients other than ours take the bytes apart: https://github.com/Azure/azure-sdk-for-java, class ResourceId. The high bit of the
 * fifth byte says that these four bytes are a container and not a user, and the high half of the last byte is 0 for a document.
 */

const sizes = { database: 4, container: 8, document: 16 };
const isContainer = 0x80000000;

export function resourceId(database: number, container?: number, document?: number): string {
  const size = document !== undefined ? sizes.document : container !== undefined ? sizes.container : sizes.database;
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32BE(database, 0);
  if (container !== undefined) bytes.writeUInt32BE(container + isContainer, 4);
  if (document !== undefined) bytes.writeBigUInt64LE(BigInt(document), 8);
  return bytes.toString('base64').replaceAll('/', '-');
}

export interface ResourceNumbers {
  readonly database: number;
  readonly container?: number;
  readonly document?: number;
}

/** Takes a resource id apart. @returns undefined if the text is not the id of a database, container or document */
export function parseResourceId(text: string): ResourceNumbers | undefined {
  const bytes = Buffer.from(text.replaceAll('-', '/'), 'base64');
  if (!Object.values(sizes).includes(bytes.length)) return undefined;
  const database = bytes.readUInt32BE(0);
  const container = bytes.length >= sizes.container ? bytes.readUInt32BE(4) - isContainer : undefined;
  const document = bytes.length === sizes.document ? Number(bytes.readBigUInt64LE(8)) : undefined;
  if ((container ?? 0) < 0 || !Number.isSafeInteger(document ?? 0)) return undefined;
  // Base64 that the service would write in another way is a name.
  return resourceId(database, container, document) === text ? { database, container, document } : undefined;
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
