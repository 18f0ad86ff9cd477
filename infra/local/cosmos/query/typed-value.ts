import { badRequest } from '../cosmos-error.ts';

/** Steps below a document: member names and array positions. */
export type Steps = readonly (string | number)[];

/** What SQLite binds and gives. */
export type SqlValue = string | number | null | Uint8Array;

/*
 * A JSON value as one SQLite value that keeps types apart, so that one column can be compared, sorted and indexed by
 * itself: text and numbers are themselves, undefined is NULL, and null, booleans, arrays and objects are BLOBs of their
 * JSON. SQLite never takes one storage class for another, and orders NULL < numbers < text < BLOB.
 */

/** Columns that hold the value of a path, by the path in SQLite's spelling: those that are indexed. */
export type PathColumns = ReadonlyMap<string, string>;

/** SQL of the value at some steps: the column that holds it, or else what reads it out of the body. */
export function typed(steps: Steps, columns: PathColumns): string {
  const system = steps.length === 1 ? systemColumns[String(steps[0])] : undefined;
  return system ?? columns.get(jsonPath(steps)) ?? typedFromBody(steps);
}

export function typedFromBody(steps: Steps): string {
  const path = quoted(jsonPath(steps));
  return (
    `CASE json_type(body,${path}) WHEN 'text' THEN json_extract(body,${path}) ` +
    // REAL, as a JavaScript number is: an integer beyond 2^53 would not come back as one.
    `WHEN 'integer' THEN CAST(json_extract(body,${path}) AS REAL) WHEN 'real' THEN json_extract(body,${path}) ` +
    `ELSE CAST(body->${path} AS BLOB) END`
  );
}

/** What lies in a column of its own, not in the body. */
const systemColumns: Readonly<Record<string, string>> = {
  id: 'id',
  _ts: 'ts',
  _etag: `('"' || etag || '"')`,
};

export function toSqlValue(value: unknown): SqlValue {
  if (typeof value === 'string' || typeof value === 'number') return value;
  return value === undefined ? null : Buffer.from(JSON.stringify(value));
}

/** JSON text of a value that `typed` gave; undefined for NULL. */
export function toJson(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  return value instanceof Uint8Array ? Buffer.from(value).toString() : JSON.stringify(value);
}

/** A path of SQLite's JSON functions, quoted so that any member name is one. @throws CosmosError 400 */
export function jsonPath(steps: Steps): string {
  return `$${steps.map((step) => (typeof step === 'number' ? `[${step}]` : `."${memberName(step)}"`)).join('')}`;
}

function memberName(name: string): string {
  // SQLite's paths have no escape for these.
  if (/["\\\p{Cc}]/u.test(name))
    throw badRequest('This stand-in finds no property with quotes or backslashes in its name.');
  return name;
}

/** SQL's own quoting, for the places that take no binding. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
