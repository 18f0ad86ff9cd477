import type { HttpRequest } from '@azure/functions';
import { deviceId } from '../../lib/devices/ids.ts';
import { excerpt, FleetError } from '../../lib/errors.ts';

/** The id of a device or group in the route. @throws FleetError `not-found` for text that cannot be an id */
export function idFrom(request: HttpRequest, name: string): string {
  const value = request.params[name] ?? '';
  if (deviceId.test(value)) return value;
  throw new FleetError('not-found', `"${excerpt(value)}" is not an id that a device or group can have.`);
}

/** The job id in the route: 24 hex digits. @throws FleetError `not-found` for any other text */
export function jobIdFrom(request: HttpRequest): string {
  const value = request.params['jobId'] ?? '';
  if (/^[0-9a-f]{24}$/.test(value)) return value;
  throw new FleetError('not-found', `There is no job "${excerpt(value)}".`);
}

/**
 * The page that is asked for: `limit` is its size, 1 to 1000, 100 when absent; `continuation` is from the page before.
 * @throws FleetError `request-invalid`
 */
export function pageFrom(request: HttpRequest): { size: number; continuation?: string } {
  const limit = request.query.get('limit') ?? '100';
  const size = Number(limit);
  if (!/^\d{1,4}$/.test(limit) || size < 1 || size > 1000) throw invalid('limit', '1 to 1000', limit);
  const continuation = request.query.get('continuation');
  if (continuation === null || continuation === '') return { size };
  if (!/^[\w.:~-]{1,128}$/.test(continuation)) {
    throw invalid('continuation', 'the continuation of the page before', continuation);
  }
  return { size, continuation };
}

/** A whole number of at most nine digits; undefined when absent. @throws FleetError `request-invalid` */
export function numberFrom(request: HttpRequest, name: string): number | undefined {
  const value = request.query.get(name);
  if (value === null || value === '') return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw invalid(name, 'a whole number', value);
}

const dayMilliseconds = 24 * 60 * 60 * 1000;

/**
 * A time, or a number of days from now such as `30d`; undefined when absent. A date without a time is its first moment, UTC.
 * @throws FleetError `request-invalid`
 */
export function timeFrom(request: HttpRequest, name: string, now: Date): Date | undefined {
  const value = request.query.get(name);
  if (value === null || value === '') return undefined;
  const [, days] = /^(\d{1,5})d$/.exec(value) ?? [];
  if (days !== undefined) return new Date(now.getTime() + Number(days) * dayMilliseconds);
  const parsed = iso8601.test(value) ? new Date(value) : undefined;
  // The day is compared too: `new Date` reads February 30 as March 2.
  const isReal = parsed !== undefined && !Number.isNaN(parsed.getTime()) && isCalendarDay(value.slice(0, 10));
  if (parsed !== undefined && isReal) return parsed;
  throw invalid(name, 'a date, a time with its zone (2027-01-31T00:00:00Z), or days from now (30d)', value);
}

/** A date, or a date and time with its zone (RFC 3339 5.6). Without a zone it would mean the zone of the server. */
const iso8601 = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;

function isCalendarDay(day: string): boolean {
  const midnight = new Date(day);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}

/** One word of a list; undefined when absent. @throws FleetError `request-invalid` */
export function wordFrom<Word extends string>(
  request: HttpRequest,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const value = request.query.get(name);
  if (value === null || value === '') return undefined;
  const word = words.find((candidate) => candidate === value);
  if (word !== undefined) return word;
  throw invalid(name, words.join(', '), value);
}

function invalid(parameter: string, expected: string, found: string): FleetError {
  const value = excerpt(found);
  const message = `The parameter ${parameter} is "${value}". Expected ${expected}.`;
  return new FleetError('request-invalid', message, { column: parameter, expected, value });
}

/** Path and query of the next page of the same list; undefined on the last page. */
export function nextLink(request: HttpRequest, continuation: string | undefined): string | undefined {
  if (continuation === undefined) return undefined;
  const url = new URL(request.url);
  url.searchParams.set('continuation', continuation);
  // A function key in the query string must not be copied into a link.
  url.searchParams.delete('code');
  return url.pathname + url.search;
}
