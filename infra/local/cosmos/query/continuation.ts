import { badRequest } from '../cosmos-error.ts';
import type { SqlValue } from './typed-value.ts';

/** Where a query goes on: after the row with these sort values, or after so many rows where rows have no order. */
export interface Continuation {
  /** Rows that may still come, where TOP or LIMIT ends the result. */
  readonly left?: number;
  readonly after?: readonly SqlValue[];
  readonly skip?: number;
}

/** As a token that goes into an HTTP header. */
export function writeContinuation({ left, after, skip }: Continuation): string {
  const values = after?.map((value) => (value instanceof Uint8Array ? [Buffer.from(value).toString('base64')] : value));
  return Buffer.from(JSON.stringify({ left, after: values, skip })).toString('base64url');
}

/** @throws CosmosError 400 for a token that this stand-in did not write, or not for a query that sorts by so many values */
export function readContinuation(token: string, sortValues: number): Continuation {
  let parsed: { left?: unknown; after?: unknown; skip?: unknown } | null;
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    parsed = null;
  }
  const { left, after, skip } = parsed ?? {};
  const isCount = (value: unknown) => value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0);
  const isValue = (value: unknown) =>
    value === null ||
    ['string', 'number'].includes(typeof value) ||
    (Array.isArray(value) && typeof value[0] === 'string');
  const isOrder = after === undefined || (Array.isArray(after) && after.length === sortValues && after.every(isValue));
  if (parsed === null || !isCount(left) || !isCount(skip) || !isOrder) throw badRequest('Invalid Continuation Token.');
  return {
    left: left as number | undefined,
    skip: skip as number | undefined,
    after: (after as (SqlValue | [string])[] | undefined)?.map((value) =>
      Array.isArray(value) ? Buffer.from(value[0], 'base64') : value,
    ),
  };
}
