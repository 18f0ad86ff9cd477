import { FleetError } from './errors.ts';

/**
 * The versions for which a caller means a request, by entity tag (RFC 9110 13.1). `*` stands for any version. A tag is kept as
 * it was sent, with its quotes.
 */
export interface Precondition {
  /** The resource exists, and is one of these versions. */
  readonly ifMatch?: '*' | readonly string[];
  /** The resource does not exist, or is none of these versions. */
  readonly ifNoneMatch?: '*' | readonly string[];
}

/**
 * Reads the headers If-Match and If-None-Match.
 * @returns undefined when there is neither
 * @throws FleetError `request-invalid`
 * @example
 * parsePrecondition('"0a1"', null); // { ifMatch: ['"0a1"'] }
 */
export function parsePrecondition(ifMatch: string | null, ifNoneMatch: string | null): Precondition | undefined {
  if (ifMatch === null && ifNoneMatch === null) return undefined;
  return {
    ...(ifMatch !== null && { ifMatch: tagsIn('If-Match', ifMatch) }),
    ...(ifNoneMatch !== null && { ifNoneMatch: tagsIn('If-None-Match', ifNoneMatch) }),
  };
}

/**
 * @param etag the present version of the resource; undefined when it does not exist
 * @param what the resource, as the beginning of a sentence
 * @throws FleetError `precondition-failed`
 */
export function checkPrecondition(
  precondition: Precondition | undefined,
  etag: string | undefined,
  what: string,
): void {
  const { ifMatch, ifNoneMatch } = precondition ?? {};
  if (ifMatch !== undefined && etag === undefined) throw failed(`${what} does not exist, and If-Match expects it.`);
  // A strong comparison: a weak tag (W/"…") matches nothing. Our tags are strong.
  if (ifMatch !== undefined && ifMatch !== '*' && !ifMatch.includes(etag ?? ''))
    throw failed(`${what} has the ETag ${etag}, and If-Match has ${ifMatch.join(', ')}.`);
  if (ifNoneMatch === undefined || etag === undefined) return;
  if (ifNoneMatch === '*') throw failed(`${what} exists, and If-None-Match: * expects that it does not.`);
  if (ifNoneMatch.some((tag) => tag.replace(/^W\//, '') === etag))
    throw failed(`${what} has the ETag ${etag}, which If-None-Match excludes.`);
}

/** `*`, or a list of entity-tags (RFC 9110 8.8.3), which have no quote inside. */
export const entityTags = /^(?:\*|(?:W\/)?"[\x21\x23-\x7e]*"(?:[ \t]*,[ \t]*(?:W\/)?"[\x21\x23-\x7e]*")*)$/;

function tagsIn(header: string, value: string): '*' | readonly string[] {
  const trimmed = value.trim();
  if (trimmed === '*') return '*';
  if (entityTags.test(trimmed)) return trimmed.match(/(?:W\/)?"[^"]*"/g) ?? [];
  const expected = '* or ETags in quotes';
  throw new FleetError(
    'request-invalid',
    `The header ${header} has no ETag. Send it as the answer had it, with its quotes.`,
    {
      column: header,
      expected,
    },
  );
}

function failed(message: string): FleetError {
  return new FleetError('precondition-failed', message);
}
