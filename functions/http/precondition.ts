import * as z from 'zod';
import { entityTags, type Precondition, parsePrecondition } from '../../lib/precondition.ts';

/*
 * The version of a resource that a request means (RFC 9110 13.1). The ETag is that of the stored record and strong: a write
 * compares it in the store, so no other change can come in between.
 */

const tags = z.string().max(1000).regex(entityTags, '* or ETags in quotes');

/** The request headers of an operation that changes a resource. Spread it into `headers`. */
export const ifVersion = {
  'if-match': tags.optional().describe('The `etag` of the version that is meant, or `*` for any that exists.'),
  'if-none-match': tags
    .optional()
    .describe('`*`: the resource must not exist. ETags: it must be none of these versions.'),
};

/** The response header of an operation that shows or changes a resource. */
export const versionHeader = { etag: z.string().describe('The version of the resource. Send it in `if-match`.') };

/** @throws FleetError `request-invalid` */
export function preconditionIn(headers: {
  readonly 'if-match'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
}): Precondition | undefined {
  return parsePrecondition(headers['if-match'] ?? null, headers['if-none-match'] ?? null);
}
