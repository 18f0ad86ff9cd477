import assert from 'node:assert/strict';
import type { Operation } from '../functions/http/operation.ts';
import { operations } from '../functions/http/operations.ts';

/** The operation of that name. */
export function operation(id: string): Operation {
  const found = operations.find((each) => each.id === id);
  assert.ok(found, `no operation ${id}`);
  return found;
}

/** The names of all operations, in the order of the alphabet. */
export const operationIds = operations.map(({ id }) => id).sort();
