import assert from 'node:assert/strict';

/**
 * Asserts that something holds of every item, and that there is an item. `every` alone is true of an empty list, and
 * does not look at the holes of `new Array(n)` (ECMA-262, Array.prototype.every).
 * @param holds is called for a hole too, with undefined
 */
export function assertEvery<T>(
  items: Iterable<T> | undefined,
  holds: (item: T, index: number) => boolean,
  message?: string,
): void {
  const all = [...(items ?? [])];
  assert.ok(all.length > 0, message ?? 'The list is empty.');
  const wrong = all.findIndex((item, index) => !holds(item, index));
  assert.ok(wrong === -1, message ?? `It does not hold of item ${wrong} of ${all.length}.`);
}
