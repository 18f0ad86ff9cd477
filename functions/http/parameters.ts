import type { HttpRequest } from '@azure/functions';
import { deviceId } from '../../lib/devices/ids.ts';
import { excerpt, FleetError } from '../../lib/errors.ts';

/** A route value that must be an id of ours; anything else names nothing, so it is not found. */
export function idFrom(request: HttpRequest, name: string): string {
  const value = request.params[name] ?? '';
  if (deviceId.test(value)) return value;
  throw new FleetError('not-found', `"${excerpt(value)}" is not an id that anything here has.`);
}

export function jobIdFrom(request: HttpRequest): string {
  const value = request.params['jobId'] ?? '';
  if (/^[0-9a-f]{24}$/.test(value)) return value;
  throw new FleetError('not-found', `There is no job "${excerpt(value)}".`);
}

/** Page size and place: `limit` 1 to 1000 (100 when absent) and `continuation` from the page before. */
export function pageFrom(request: HttpRequest): { size: number; continuation?: string } {
  const limit = request.query.get('limit') ?? '100';
  const size = Number(limit);
  if (!/^\d{1,4}$/.test(limit) || size < 1 || size > 1000) {
    throw new FleetError('request-invalid', 'limit is out of range.', {
      column: 'limit',
      expected: '1 to 1000',
      value: excerpt(limit),
    });
  }
  const continuation = request.query.get('continuation');
  if (continuation === null || continuation === '') return { size };
  if (!/^[\w.:~-]{1,128}$/.test(continuation)) {
    const expected = 'the continuation of the page before';
    throw new FleetError('request-invalid', 'continuation is not one that this API gave.', {
      column: 'continuation',
      expected,
      value: excerpt(continuation),
    });
  }
  return { size, continuation };
}

/** A whole number of at most nine digits, or undefined when the parameter is absent. */
export function numberFrom(request: HttpRequest, name: string): number | undefined {
  const value = request.query.get(name);
  if (value === null || value === '') return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new FleetError('request-invalid', `${name} is no number.`, {
    column: name,
    expected: 'a whole number',
    value: excerpt(value),
  });
}

/** One of a closed list of words, or undefined when the parameter is absent. */
export function wordFrom<Word extends string>(
  request: HttpRequest,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const value = request.query.get(name);
  if (value === null || value === '') return undefined;
  const word = words.find((candidate) => candidate === value);
  if (word !== undefined) return word;
  throw new FleetError('request-invalid', `${name} does not take this value.`, {
    column: name,
    expected: words.join(', '),
    value: excerpt(value),
  });
}

/** The link to the next page of the same list. */
export function nextLink(request: HttpRequest, continuation: string | undefined): string | undefined {
  if (continuation === undefined) return undefined;
  const url = new URL(request.url);
  url.searchParams.set('continuation', continuation);
  // A key that came in the query string is no part of a link.
  url.searchParams.delete('code');
  return url.pathname + url.search;
}
