import * as z from 'zod';
import { errorCodes } from '../../lib/errors.ts';

/*
 * Parts of answers that several operations share. A schema with an `id` is a component of docs/openapi.json.
 * An answer can gain members, so clients must ignore what they do not know.
 */

/** ISO 8601, UTC. */
export const time = z.iso.datetime().meta({ id: 'Time', description: 'ISO 8601, UTC.' });

export const count = z.int().min(0);

export const errorCode = z.enum(errorCodes).meta({ id: 'ErrorCode', description: 'See docs/errors.md.' });

export const act = z
  .object({
    by: z.string().describe('A signed-in user as `name (object id)`, `function key`, or `order` and its source.'),
    at: time,
  })
  .meta({ id: 'Act', description: 'Who did something, and when.' });

const repairCounts = z.record(z.string(), count.optional());

/** Notes of the reader about a list, in an answer about a job or a check. */
export const readerNotes = {
  repairs: repairCounts.describe('What the reader repaired, and how often (docs/manifests.md).'),
  warnings: repairCounts.describe('Values that were accepted and may be wrong (docs/manifests.md).'),
  renamedColumns: z
    .array(z.object({ written: z.string(), read: z.string() }).readonly())
    .readonly()
    .optional()
    .describe('Columns whose names were matched.'),
};

export const reference = z.record(z.string(), z.unknown()).readonly();

export const failureReason = z
  .object({
    code: errorCode,
    message: z.string(),
    hint: z.string().describe('What to do next.'),
  })
  .meta({ id: 'FailureReason' });

/** A problem document (RFC 9457). */
export const problem = z
  .object({
    type: z.string().describe('`urn:fleet-orchestrator:error:` and the code.'),
    title: errorCode,
    status: z.int().describe('The status of the answer.'),
    detail: z.string().describe('What was found, and what was expected.'),
    hint: z.string().describe('What to do next.'),
    instance: z.string().describe('The path of the request.'),
    line: z.int().min(1).optional().describe('Line of a manifest, from 1; the header is line 1.'),
    column: z.string().optional().describe('Parameter, column, or path in JSON.'),
    expected: z.string().optional(),
    value: z.string().optional().describe('The value found, cut to 120 characters.'),
    faults: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('All that one check found, 20 at most.'),
    traceId: z.string().describe('Finds the request in the log.'),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457).' });

/** The members of every paged list, besides its items. */
export const pageLinks = {
  continuation: z.string().optional().describe('Absent on the last page.'),
  next: z.string().optional().describe('Path and query of the next page. Absent on the last page.'),
  nextLink: z.string().optional().describe('The same with scheme and host, as this app was called.'),
};
