import type { DatabaseSync } from 'node:sqlite';
import { quoted, typed } from '../query/typed-value.ts';
import { type ContainerDefinition, compositePaths, indexedPaths } from './container-definition.ts';

/** An index holds the other indexed values too where they are this few, so that filters on several need no document. */
const coveredPaths = 4;

/**
 * Makes the indexes of a container's policy, and drops those that it no longer names.
 *
 * Each indexed path is followed by id and row, so that `c.status = 'x' ORDER BY c.id`, the order of every list and of every
 * page, comes out of the index as it lies.
 */
export function makeIndexes(database: DatabaseSync, table: string, definition: ContainerDefinition): void {
  const paths = indexedPaths(definition).map(typed);
  const covered = paths.length <= coveredPaths ? paths : [];
  const single = paths.map((path) => [path, 'id', 'rid', ...covered.filter((other) => other !== path)].join(', '));
  const composite = compositePaths(definition).map((columns) =>
    [...columns.map(({ steps, descending }) => typed(steps) + (descending ? ' DESC' : '')), 'id'].join(', '),
  );
  const wanted = new Map([...single, ...composite].map((columns, index) => [`${table}_path_${index}`, columns]));
  const sqlOf = (name: string, columns: string) => `CREATE INDEX ${name} ON ${table} (${columns})`;
  const existing = database
    .prepare(
      `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND name GLOB ${quoted(`${table}_path_*`)}`,
    )
    .all(table);
  for (const { name, sql } of existing) {
    const columns = wanted.get(String(name));
    if (columns !== undefined && sqlOf(String(name), columns) === sql) wanted.delete(String(name));
    else database.exec(`DROP INDEX ${name}`);
  }
  for (const [name, columns] of wanted) database.exec(sqlOf(name, columns));
}
