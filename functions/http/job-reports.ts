import * as z from 'zod';
import { FleetError } from '../../lib/errors.ts';
import { findJob } from '../../lib/jobs/find-job.ts';
import { errorPage, resultPage, summarizeErrors } from '../../lib/jobs/report-pages.ts';
import { jobErrors, jobResults } from '../../lib/jobs/reports.ts';
import type { RowError } from '../../lib/manifest/manifest.ts';
import { errorsCsv, resultsCsv } from '../../lib/manifest/report.ts';
import { prefersJson } from './accept.ts';
import { defineOperation } from './operation.ts';
import { pageEnd, pageIn, pageQuery } from './pages.ts';
import { errorCodeWord, jobIdInPath, word } from './parameters.ts';
import type { File } from './reply.ts';
import { streamed } from './response-stream.ts';
import { count, errorCode, pageLinks } from './schemas.ts';

/*
 * The reports of a job: CSV of all rows, which is a manifest again, or JSON in pages, for screens and scripts.
 */

const pathParameters = z.object({ jobId: jobIdInPath });

const formatQuery = {
  format: word(['csv', 'json'])
    .optional()
    .describe('Default: JSON if the header Accept prefers it to CSV, otherwise CSV. Pages are of JSON only.'),
};

const acceptHeader = z.object({ accept: z.string().optional().describe('`application/json` asks for JSON.') });

/** Characters of a row that JSON shows. The CSV has the whole row. */
const shownOfRow = 1024;

const rowErrorSchema = z
  .object({
    line: z.int().min(0).describe('Line of the manifest on which the row begins; the header is line 1.'),
    code: errorCode,
    message: z.string(),
    hint: z.string().describe('What to do next.'),
    column: z.string().optional(),
    expected: z.string().optional(),
    value: z.string().optional(),
    row: z.string().describe('The row as it was sent, cut to 1,024 characters; empty when it is not known.'),
  })
  .meta({ id: 'RowError' });

const resultRowSchema = z
  .object({
    line: z.int().min(0),
    deviceId: z.string(),
    status: z
      .string()
      .describe(
        '`provisioned`, `unchanged`, or `report-missing:` and how many rows have no report. Of a dry run `new`, `unchanged`, `replaced` or `reissued`.',
      ),
    enrollmentGroup: z.string(),
    serialNumber: z.string(),
    sha256Thumbprint: z.string(),
    notAfter: z.string(),
  })
  .readonly()
  .meta({ id: 'ResultRow' });

function rowErrorView({ line, code, message, column, expected, value, source }: RowError) {
  const { hint } = new FleetError(code, message);
  return { line, code, message, hint, column, expected, value, row: source.slice(0, shownOfRow) };
}

const getJobErrors = defineOperation({
  id: 'get-job-errors',
  method: 'GET',
  path: 'jobs/{jobId}/errors',
  summary: 'Rejected and failed rows',
  description:
    'As CSV: the rows as they were sent, with line, code and message. Fix them and submit the file again. As JSON: in pages. ' +
    'A page can have fewer rows than its limit, and more can follow it.',
  role: 'reader',
  perGroup: true,
  pathParameters,
  query: z.object({
    ...pageQuery,
    ...formatQuery,
    reason: errorCodeWord.optional().describe('Only rows with this code. JSON only.'),
  }),
  headers: acceptHeader,
  answers: {
    200: {
      description: 'CSV: all rows, while they are read. JSON: one page.',
      schema: z.object({ errors: z.array(rowErrorSchema), ...pageLinks }).meta({ id: 'RowErrors' }),
      mediaTypes: ['text/csv'],
    },
  },
  errors: ['not-found'],
  async handle({ path, query, headers, request, services, requestId }) {
    const { jobId, shape } = await findJob(path.jobId, services.jobs);
    if (isCsv(query, headers)) {
      refuseWithCsv(query);
      const rows = errorsCsv(jobErrors(jobId, services), shape);
      return { status: 200, file: csv(`${jobId}-errors.csv`, await streamed(requestId, rows)), headers: varies };
    }
    const page = { ...pageIn(request, query), code: query.reason };
    const { items, continuation } = await errorPage(jobId, page, services);
    const errors = items.map(rowErrorView);
    return { status: 200, json: { errors, ...pageEnd(request, continuation) }, headers: varies };
  },
});

const getErrorSummary = defineOperation({
  id: 'get-job-error-summary',
  method: 'GET',
  path: 'jobs/{jobId}/errors/summary',
  summary: 'Rejected and failed rows, counted by code',
  role: 'reader',
  perGroup: true,
  pathParameters,
  answers: {
    200: {
      description: 'The codes, most frequent first.',
      schema: z
        .object({
          codes: z.array(
            z.object({
              code: errorCode,
              hint: z.string().describe('What to do next.'),
              rows: count,
              first: z.array(rowErrorSchema).describe('The first five of them.'),
              link: z.string().describe('Path and query of all of them.'),
            }),
          ),
          complete: z.boolean().describe('False: only the first 200 chunks with errors were counted.'),
        })
        .meta({ id: 'ErrorSummary' }),
    },
  },
  errors: ['not-found'],
  async handle({ path, services }) {
    const { jobId } = await findJob(path.jobId, services.jobs);
    const { codes, complete } = await summarizeErrors(jobId, services);
    const shown = codes.map(({ code, rows, first }) => {
      const { hint } = new FleetError(code, '');
      const link = `/api/jobs/${jobId}/errors?format=json&reason=${code}`;
      return { code, hint, rows, first: first.map(rowErrorView), link };
    });
    return { status: 200, json: { codes: shown, complete } };
  },
});

const getJobResults = defineOperation({
  id: 'get-job-results',
  method: 'GET',
  path: 'jobs/{jobId}/results',
  summary: 'Provisioned devices of a job',
  role: 'reader',
  perGroup: true,
  pathParameters,
  query: z.object({ ...pageQuery, ...formatQuery }),
  headers: acceptHeader,
  answers: {
    200: {
      description: 'CSV: one line per device, while they are read. JSON: one page.',
      schema: z.object({ results: z.array(resultRowSchema).readonly(), ...pageLinks }).meta({ id: 'ResultRows' }),
      mediaTypes: ['text/csv'],
    },
  },
  errors: ['not-found'],
  async handle({ path, query, headers, request, services, requestId }) {
    const { jobId, shape } = await findJob(path.jobId, services.jobs);
    if (isCsv(query, headers)) {
      refuseWithCsv(query);
      const rows = resultsCsv(jobResults(jobId, services), shape);
      return { status: 200, file: csv(`${jobId}-results.csv`, await streamed(requestId, rows)), headers: varies };
    }
    const { items, continuation } = await resultPage(jobId, pageIn(request, query), services);
    return { status: 200, json: { results: items, ...pageEnd(request, continuation) }, headers: varies };
  },
});

const varies = { vary: 'Accept' };

function isCsv({ format }: { format?: 'csv' | 'json' | undefined }, { accept }: { accept?: string | undefined }) {
  return format === undefined ? !prefersJson(accept) : format === 'csv';
}

/** @throws FleetError `request-invalid` when a parameter is given that only JSON has: ignoring it would answer too much */
function refuseWithCsv({ limit, continuation, reason }: Readonly<Record<string, unknown>>): void {
  const given = Object.entries({ limit, continuation, reason }).find(([, value]) => value !== undefined)?.[0];
  if (given === undefined) return;
  const message = `The parameter ${given} is for JSON. Expected format=json.`;
  throw new FleetError('request-invalid', message, { column: given, expected: 'format=json' });
}

function csv(name: string, body: ReadableStream<Uint8Array>): File {
  return { name, mediaType: 'text/csv; charset=utf-8', body };
}

export const jobReportOperations = [getJobErrors, getErrorSummary, getJobResults];
