import type { HttpRequest } from '@azure/functions';
import * as z from 'zod';
import { deviceId, idMeantBy } from '../../lib/devices/ids.ts';
import { errorCodes, excerpt, FleetError, type Issue } from '../../lib/errors.ts';
import { suggestion } from '../../lib/suggest.ts';

/*
 * Parameters of the path, the query and the headers, as schemas that read text. The error of a schema says what is expected:
 * `The parameter limit is "0". Expected 1 to 1000.`
 */

interface ParameterSchemas {
  readonly method: string;
  readonly pathParameters: z.ZodObject;
  readonly query: z.ZodObject;
  readonly headers: z.ZodObject;
}

interface Parameters {
  readonly path: unknown;
  readonly query: unknown;
  readonly headers: unknown;
}

/**
 * Reads the parameters of a request. In a GET, an empty query parameter counts as absent. Elsewhere it is a fault: it may come from
 * a variable that was not set, and without `queue`, a redrive takes all queues.
 * @throws FleetError `not-found` when the path names what cannot exist; `request-invalid` with every other fault: a parameter
 * that does not exist, or has another form
 */
export function readParameters(schemas: ParameterSchemas, request: HttpRequest): Parameters {
  const { method, pathParameters, query, headers } = schemas;
  const path = pathParameters.safeParse(request.params);
  if (!path.success) throw new FleetError('not-found', path.error.issues[0]?.message ?? 'There is no such resource.');

  const names = Object.keys(query.shape);
  const isGiven = (name: string, value: string) => names.includes(name) && (value !== '' || method !== 'GET');
  const given = Object.fromEntries([...joinedQuery(request.query)].filter(([name, value]) => isGiven(name, value)));
  const readQuery = query.safeParse(given);
  const sent = Object.keys(headers.shape).map((name) => [name, request.headers.get(name) ?? undefined]);
  const readHeaders = headers.safeParse(Object.fromEntries(sent));

  const faults = [
    ...unknownNames(request.query, names),
    ...faultsOf('parameter', readQuery.error, given),
    ...faultsOf('header', readHeaders.error, Object.fromEntries(sent)),
  ];
  if (faults.length > 0) throw refusal(faults);
  return { path: path.data, query: readQuery.data, headers: readHeaders.data };
}

/**
 * The query with each parameter once. Values of a parameter that is repeated become one value with commas between, as the
 * Functions host in Azure gives them: a list is taken either way, and no value is ignored.
 */
export function joinedQuery(query: URLSearchParams): Map<string, string> {
  const byName = Map.groupBy(query, ([name]) => name);
  return new Map([...byName].map(([name, all]) => [name, all.map(([, value]) => value).join(',')]));
}

/**
 * Query parameters of the platform, which every operation takes: `code` is the function key.
 * https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
 */
export const platformParameters: readonly string[] = ['code'];

interface Fault {
  readonly kind: 'parameter' | 'header';
  readonly name: string;
  readonly expected?: string | undefined;
  readonly value?: string | undefined;
  /** The fault, when it is not that a value differs from what is expected. */
  readonly sentence?: string;
}

function unknownNames(query: URLSearchParams, names: readonly string[]): Fault[] {
  const unknown = [...new Set(query.keys())].filter(
    (name) => !names.includes(name) && !platformParameters.includes(name),
  );
  return unknown.map((found) => {
    const name = excerpt(found);
    const meant = suggestion(found, names);
    if (meant !== undefined) {
      const sentence = `There is no parameter "${name}". Did you mean ${meant}?`;
      return { kind: 'parameter', name, expected: meant, sentence };
    }
    const expected = names.length === 0 ? 'no parameters' : names.join(', ');
    return { kind: 'parameter', name, expected, sentence: `There is no parameter "${name}". Expected ${expected}.` };
  });
}

function faultsOf(kind: Fault['kind'], error: z.ZodError | undefined, given: Record<string, unknown>): Fault[] {
  const byName = Map.groupBy(error?.issues ?? [], ({ path }) => String(path[0]));
  return [...byName].map(([name, issues]) => {
    const value = given[name];
    return {
      kind,
      name,
      expected: issues[0]?.message,
      value: value === undefined ? undefined : excerpt(String(value)),
    };
  });
}

function refusal(faults: readonly Fault[]): FleetError {
  const issues = faults.map((fault): Issue => ({ path: fault.name, message: sentenceOf(fault) }));
  const [first] = faults;
  if (first === undefined || faults.length > 1) return FleetError.of('request-invalid', 'The request', issues);
  const { name, expected, value } = first;
  return new FleetError('request-invalid', sentenceOf(first), { column: name, expected, value, faults: issues });
}

function sentenceOf({ kind, name, expected, value, sentence }: Fault): string {
  if (sentence !== undefined) return sentence;
  return `The ${kind} ${name} is ${value === undefined ? 'missing' : `"${value}"`}. Expected ${expected}.`;
}

/** A parameter is text; docs/openapi.json shows the number that is in it. */
export const asInteger = { type: 'integer', pattern: undefined } as const;

function meant(found: string): string {
  const id = idMeantBy(found);
  return id === undefined ? '' : ` Did you mean "${id}"?`;
}

/** The id of a device or group in the path. */
export const resourceId = z
  .string()
  .regex(deviceId, {
    error: ({ input }) =>
      `"${excerpt(String(input))}" is not an id that a device or group can have.${meant(String(input))}`,
  })
  .describe('1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit.');

/** The job id in the path: 24 hex digits. */
export const jobIdInPath = z
  .string()
  .regex(/^[0-9a-f]{24}$/, { error: ({ input }) => `There is no job "${excerpt(String(input))}".` })
  .describe('Id of a job, 24 hex digits.');

/** A whole number of at most nine digits. */
export const wholeNumber = z
  .string()
  .regex(/^\d{1,9}$/, 'a whole number')
  .transform(Number)
  .meta({ override: { ...asInteger, minimum: 0, maximum: 999_999_999 } });

/** One word of a list. */
export function word<const Words extends readonly [string, ...string[]] | readonly string[]>(words: Words) {
  return z.enum(words, { error: words.join(', ') });
}

/** An error code. There are too many to list in an error. */
export const errorCodeWord = z.enum(errorCodes, { error: 'an error code of docs/errors.md' });

/** Most words of a list in one parameter. */
const maxWords = 100;

/**
 * Pattern of a list with commas between.
 * @param item pattern of one item
 */
export function listOf(item: string, most: number): string {
  return `^(${item})(,(${item})){0,${most - 1}}$`;
}

/** Words with commas between; each counts once. */
export function words<const Words extends readonly [string, ...string[]] | readonly string[]>(list: Words) {
  const one = z.enum(list);
  return z
    .string()
    .transform((text, context) => {
      const parsed = z.array(one).max(maxWords).safeParse(text.split(','));
      if (parsed.success) return [...new Set(parsed.data)];
      context.addIssue(`${list.join(', ')}, with commas between`);
      return z.NEVER;
    })
    .meta({ override: { type: 'string', pattern: listOf(list.join('|'), maxWords) } });
}

/** `true` or `false`. */
export const flag = word(['true', 'false'])
  .transform((text) => text === 'true')
  .meta({ override: { type: 'boolean', enum: undefined } });

/** A moment that can depend on the present one. */
export type Moment = (now: Date) => Date;

const dayMilliseconds = 24 * 60 * 60 * 1000;

/**
 * A time, or a number of days before or after now such as `30d`. A date without a time is its first moment, UTC.
 * @param sign 1: days are after now; -1: before
 */
function momentWith(sign: 1 | -1, days: string) {
  const expected = `a date, a time with its zone (2027-01-31T00:00:00Z), or ${days} (30d)`;
  return z
    .string()
    .transform((text, context): Moment => {
      const [, count] = /^(\d{1,5})d$/.exec(text) ?? [];
      if (count !== undefined) return (now) => new Date(now.getTime() + sign * Number(count) * dayMilliseconds);
      const parsed = iso8601.test(text) ? new Date(text) : undefined;
      // The day is compared too: `new Date` reads February 30 as March 2.
      const isReal = parsed !== undefined && !Number.isNaN(parsed.getTime()) && isCalendarDay(text.slice(0, 10));
      if (parsed !== undefined && isReal) return () => parsed;
      context.addIssue(expected);
      return z.NEVER;
    })
    .meta({
      description: `A date, a time with its zone (\`2027-01-31T00:00:00Z\`), or ${days} (\`30d\`).`,
      override: {
        anyOf: [
          { type: 'string', format: 'date' },
          { type: 'string', format: 'date-time' },
          { type: 'string', pattern: '^[0-9]{1,5}d$' },
        ],
      },
    });
}

export const moment = momentWith(1, 'days from now');

/** The same, for what has happened. */
export const past = momentWith(-1, 'days ago');

/** A date, or a date and time with its zone (RFC 3339 5.6). Without a zone it would mean the zone of the server. */
const iso8601 = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;

function isCalendarDay(day: string): boolean {
  const midnight = new Date(day);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day);
}
