import { createHash } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import * as z from 'zod';
import { excerpt, FleetError } from '../../lib/errors.ts';
import type { PageRequest } from '../../lib/storage.ts';
import { asInteger } from './parameters.ts';

/*
 * Lists come in pages. The continuation, as clients see it, is a digest of the list and its filters, then the key at which the
 * next page begins. A client that changes a filter and keeps the continuation would miss items and not know it, so that is
 * refused.
 */

/** The page that is asked for. Spread it into the query of a list: `z.object({ ...pageQuery, status })`. */
export const pageQuery = {
  limit: z
    .string()
    .regex(/^(?:[1-9]\d{0,2}|1000)$/, '1 to 1000')
    .transform(Number)
    .optional()
    .meta({
      description: 'Items per page, 100 when absent. A page can have fewer, and more can follow it.',
      override: { ...asInteger, minimum: 1, maximum: 1000, default: 100 },
    }),
  continuation: z
    .string()
    .regex(/^[\w.:~-]{1,128}$/, 'the continuation of the page before')
    .optional()
    .describe('The `continuation` of the page before.'),
};

/** They do not change what is on the list. `code` is the function key. */
const notFilters = ['continuation', 'limit', 'code'];

/** 12 digits tell apart any two queries of a client. They are not a secret: the store checks the key, and the caller's role. */
function digestOf(request: HttpRequest): string {
  const { pathname, searchParams } = new URL(request.url);
  const filters = [...searchParams].filter(([name, value]) => !notFilters.includes(name) && value !== '').sort();
  return createHash('sha256')
    .update(JSON.stringify([pathname, filters]))
    .digest('hex')
    .slice(0, 12);
}

/** The page that a request asks for. @throws FleetError `request-invalid` for a continuation of another list */
export function pageIn(
  request: HttpRequest,
  { limit = 100, continuation }: { readonly limit?: number | undefined; readonly continuation?: string | undefined },
): PageRequest {
  if (continuation === undefined) return { size: limit };
  const [digest, key, ...rest] = continuation.split('.');
  if (digest === digestOf(request) && key !== undefined && rest.length === 0) {
    return { size: limit, continuation: Buffer.from(key, 'base64url').toString() };
  }
  const expected = 'the continuation of the page before, with the same filters';
  const value = excerpt(continuation);
  const message = `The continuation "${value}" is of another list. Expected ${expected}. Begin without a continuation.`;
  throw new FleetError('request-invalid', message, { column: 'continuation', expected, value });
}

/**
 * The members of an answer that lead to the next page (`pageLinks` in schemas.ts).
 * @param key where the next page begins; undefined on the last page
 */
export function pageEnd(request: HttpRequest, key: string | undefined) {
  if (key === undefined) return {};
  const continuation = `${digestOf(request)}.${Buffer.from(key).toString('base64url')}`;
  const url = new URL(request.url);
  url.searchParams.set('continuation', continuation);
  // A function key in the query string must not be copied into a link.
  url.searchParams.delete('code');
  return { continuation, next: url.pathname + url.search, nextLink: url.href };
}
