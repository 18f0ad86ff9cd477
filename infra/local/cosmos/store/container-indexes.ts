import type { DatabaseSync } from 'node:sqlite';
import { typed } from '../query/typed-value.ts';
import { type ContainerDefinition, compositePaths, indexedPaths } from './container-definition.ts';
import { alterColumns, columnsByPath, type PathColumn } from './path-columns.ts';

/**
 * Makes columns and indexes of a container's policy, and drops those that it no longer names.
 *
 * Each indexed path is followed by id and row, so that `c.status = 'x' ORDER BY c.id`, the order of every list and of
 * every page, comes out of the index as it lies.
 */
export function makeIndexes(
  database: DatabaseSync,
  table: string,
  definition: ContainerDefinition,
  columns: readonly PathColumn[],
): void {
  const byPath = columnsByPath(columns);
  const single = indexedPaths(definition).map((steps) => `${typed(steps, byPath)}, id, rid`);
  const composite = compositePaths(definition).map((paths) =>
    [...paths.map(({ steps, descending }) => typed(steps, byPath) + (descending ? ' DESC' : '')), 'id', 'rid'].join(
      ', ',
    ),
  );
  const wanted = new Map([...single, ...composite].map((list, index) => [`${table}_path_${index}`, list]));
  const sqlOf = (name: string, list: string) => `CREATE INDEX ${name} ON ${table} (${list})`;
  const existing = database
    .prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND name GLOB ?`)
    .all(table, `${table}_path_*`);
  for (const { name, sql } of existing) {
    const list = wanted.get(String(name));
    if (list !== undefined && sqlOf(String(name), list) === sql) wanted.delete(String(name));
    else database.exec(`DROP INDEX ${name}`);
  }
  alterColumns(database, table, columns);
  for (const [name, list] of wanted) database.exec(sqlOf(name, list));
}
