import { createHash } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import { excerpt, FleetError } from '../../lib/errors.ts';
import type { PageRequest } from '../../lib/storage.ts';
import { linksToNext, pageOf } from './parameters.ts';

/*
 * The continuation of a list, as clients see it: a digest of the list and its filters, then the key at which the next page
 * begins. A client that changes a filter and keeps the continuation would miss items and not know it, so that is refused.
 */

/** They do not change what is on the list. `code` is the function key. */
const notFilters = ['continuation', 'limit', 'code'];

/** 12 digits tell apart any two queries of a client. It is no secret: the key is checked by the store, and so is the caller. */
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
  query: { readonly limit?: number | undefined; readonly continuation?: string | undefined },
): PageRequest {
  const page = pageOf(query);
  if (page.continuation === undefined) return page;
  const [digest, key, ...rest] = page.continuation.split('.');
  if (digest === digestOf(request) && key !== undefined && rest.length === 0) {
    return { size: page.size, continuation: Buffer.from(key, 'base64url').toString() };
  }
  const expected = 'the continuation of the page before, with the same filters';
  const value = excerpt(page.continuation);
  const message = `The continuation "${value}" is of another list. Expected ${expected}. Begin without a continuation.`;
  throw new FleetError('request-invalid', message, { column: 'continuation', expected, value });
}

/** The members of an answer that lead to the next page. */
export function pageEnd(request: HttpRequest, key: string | undefined) {
  const continuation = key && `${digestOf(request)}.${Buffer.from(key).toString('base64url')}`;
  return linksToNext(request, continuation);
}
