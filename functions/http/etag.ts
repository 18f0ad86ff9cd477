import { createHash } from 'node:crypto';
import * as z from 'zod';

/** The request header of an operation whose answer has an ETag. Spread it into `headers`. */
export const ifNoneMatch = {
  'if-none-match': z
    .string()
    .optional()
    .describe('The `etag` of an earlier answer. The answer is 304, without a body, while nothing has changed.'),
};

/** The response header, for the answers 200 and 304. */
export const etagHeader = { etag: z.string().describe('Changes when the answer changes.') };

/**
 * A weak ETag (RFC 9110 8.8.1): answers with the same tag say the same.
 * @param said JSON, without what changes by itself with the time
 */
export function etagOf(said: unknown): string {
  return `W/"${createHash('sha256').update(JSON.stringify(said)).digest('base64url').slice(0, 22)}"`;
}

/** The answer to a conditional GET: 200, or 304 when the client has it (RFC 9110 13.1.2, weak comparison). */
export function unlessKnown<Json>(
  etag: string,
  sent: string | undefined,
  json: Json,
  more: Record<string, string> = {},
) {
  const headers = { etag, ...more };
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  const isKnown = sent?.split(',').some((tag) => tag.trim() === '*' || opaque(tag) === opaque(etag)) ?? false;
  return isKnown ? { status: 304 as const, headers } : { status: 200 as const, json, headers };
}
