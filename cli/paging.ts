import { every, type Page } from './api.ts';
import type { Context } from './context.ts';
import type { Column } from './output.ts';

/** Items of a table when no limit is given: a person reads no more. */
const tableLimit = 100;

/**
 * Writes a list, page by page, however long it is.
 * @param limit at most so many; undefined is 100 in a table, otherwise all
 */
export async function writeList<Item>(
  { output, say }: Context,
  columns: readonly Column<Item>[],
  limit: number | undefined,
  read: (page: { limit: number; continuation?: string }) => Promise<Page<Item>>,
): Promise<void> {
  const most = limit ?? (output.isTable ? tableLimit : Number.POSITIVE_INFINITY);
  const count = await output.rows(columns, every(most, read));
  if (count === 0) say('There are none.');
  if (count === most && limit === undefined) say(`These are the first ${most}. Add --limit N for more, or a filter.`);
}
