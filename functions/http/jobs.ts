import type { HttpRequest } from '@azure/functions';
import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import { enrollmentGroupId, idMeantBy } from '../../lib/devices/ids.ts';
import type { ErrorCode } from '../../lib/errors.ts';
import { findJob } from '../../lib/jobs/find-job.ts';
import { conflictPolicies, type Job, jobSources, jobStatuses } from '../../lib/jobs/job.ts';
import { cancelJob } from '../../lib/pipeline/cancel-job.ts';
import { submitChecked } from '../../lib/pipeline/check-manifest.ts';
import { retryJob } from '../../lib/pipeline/retry-job.ts';
import { type Submission, submitManifest } from '../../lib/pipeline/submit-manifest.ts';
import { submitOnce } from '../../lib/pipeline/submit-once.ts';
import { readEarlyConfig } from '../config.ts';
import { type BodyDefinition, MiB } from './body.ts';
import { etagHeader, etagOf, ifNoneMatch, unlessKnown } from './etag.ts';
import { jobSchema, jobView } from './job-view.ts';
import { defineOperation } from './operation.ts';
import { pageEnd, pageIn, pageQuery } from './pages.ts';
import { flag, jobIdInPath, past, word, words } from './parameters.ts';
import { count, pageLinks } from './schemas.ts';
import { readUpload, uploadMediaTypes } from './upload.ts';

const location = z.string().describe('Path of the job.');
const retryAfter = z.string().describe('Seconds until it is worth asking for the job.');
export const accepted = { location, 'retry-after': retryAfter };

/** The local host polls its queues every 250 ms, the host in Azure every 2 seconds. */
const again = { 'retry-after': '2' };
const pathParameters = z.object({ jobId: jobIdInPath });

/** Read once: an app setting that changes restarts the app. */
const maxUploadBytes = readEarlyConfig().maxUploadMiB * MiB;
/** What gzip may unpack to. It is unpacked block by block, so the memory of the instance does not bound it. */
const maxUnpackedBytes = 100 * MiB;

function groupIdExpected(found: string): string {
  const meant = idMeantBy(found);
  return `the id of an enrollment group${meant === undefined ? '' : `, such as ${JSON.stringify(meant)}`}`;
}

/** Parameters that hold for all rows of a manifest. */
export const submissionQuery = z.object({
  enrollmentGroup: z
    .string()
    .regex(enrollmentGroupId, { error: ({ input }) => groupIdExpected(String(input)) })
    .optional()
    .describe('The group of rows that name none.'),
  onConflict: word(conflictPolicies)
    .optional()
    .meta({
      description:
        'For devices that are provisioned already: refuse other content, replace it, or provision again in any case.',
      override: { default: 'reject' },
    }),
  adopt: flag
    .optional()
    .describe('Replace individual enrollments that DPS has and that this deployment did not create.'),
});

export const checkDigest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'the digest of a check: sha256: and 64 hex digits')
  .optional()
  .describe(
    'The digest of a check. The list is refused if it, its groups or the records of its devices changed since.',
  );

export const manifestBody = {
  kind: 'stream',
  description: 'The manifest (docs/manifests.md), also with Content-Encoding: gzip.',
  mediaTypes: uploadMediaTypes,
  // The app stores a body as it comes. The host has the whole of it in memory before that, so the limit follows the instance.
  maxBytes: maxUploadBytes,
  tooLarge: 'manifest-too-large',
  instead: 'Pack it with gzip, or upload it to blob storage: POST /api/uploads answers with an address and a command.',
} as const satisfies BodyDefinition;

/** The errors of a body that is not a manifest. */
export const submissionErrors = [
  'manifest-empty',
  'manifest-format',
  'manifest-encoding',
  'manifest-too-large',
  'request-invalid',
  'not-found',
  'forbidden',
] as const satisfies ErrorCode[];

/** The errors of a list that is read while the caller waits. */
export const readingErrors = [
  'manifest-not-text',
  'manifest-header',
  'manifest-quote',
  'manifest-row-too-long',
  'manifest-workbook',
] as const satisfies ErrorCode[];

/** @throws FleetError one of `submissionErrors`, before anything is stored */
export async function submissionOf(
  { enrollmentGroup: defaultGroup, onConflict = 'reject', adopt }: z.output<typeof submissionQuery>,
  body: AsyncGenerator<Uint8Array>,
  { headers }: Pick<HttpRequest, 'headers'>,
): Promise<Submission> {
  const upload = await readUpload(headers, body, maxUnpackedBytes);
  return { ...upload, ...(defaultGroup !== undefined && { defaultGroup }), onConflict, adopt };
}

/** A structured-field string (draft-ietf-httpapi-idempotency-key-header), or the same without its quotes. */
const idempotencyKey = z
  .string()
  .regex(
    /^(?:"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,255}"|[\x21\x23-\x5b\x5d-\x7e]{1,255})$/,
    '1 to 255 printable ASCII characters',
  )
  .transform((text) => text.replaceAll('"', ''))
  .optional()
  .describe(
    'Makes a repeated request safe: the same request with the same key is the same job. Use a new UUID per list.',
  );

const submitJob = defineOperation({
  id: 'submit-job',
  method: 'POST',
  path: 'jobs',
  summary: 'Submit a manifest',
  description: 'Stores the list and answers at once. Ask for the job to see what becomes of its rows.',
  role: 'submitter',
  perGroup: true,
  query: submissionQuery.extend({ check: checkDigest }),
  headers: z.object({ 'idempotency-key': idempotencyKey }),
  body: manifestBody,
  answers: { 202: { description: 'The job.', schema: jobSchema, headers: accepted } },
  errors: [...submissionErrors, ...readingErrors, 'check-changed', 'idempotency-key-reused'],
  async handle({ query: { check, ...query }, headers, body, request, services, caller, note }) {
    const submission = await submissionOf(query, body, request);
    const by = actorName(caller);
    const key = headers['idempotency-key'];
    const job =
      check !== undefined
        ? await submitChecked({ ...submission, check }, services, { by, key })
        : key !== undefined
          ? await submitOnce(key, submission, services, by)
          : await submitManifest(submission, services, by);
    note({ jobId: job.jobId });
    return { status: 202, json: jobView(job, services.now()), headers: monitor(job) };
  },
});

const listJobs = defineOperation({
  id: 'list-jobs',
  method: 'GET',
  path: 'jobs',
  summary: 'Jobs, newest first',
  role: 'reader',
  perGroup: true,
  query: z.object({
    ...pageQuery,
    status: words(jobStatuses).optional().describe('Jobs that have one of these statuses, with commas between.'),
    source: word(jobSources).optional(),
    since: past.optional().describe('Jobs received at this time or later.'),
    until: past.optional().describe('Jobs received before this time.'),
  }),
  answers: {
    200: {
      description: 'One page. It can have fewer jobs than its limit, and more can follow it.',
      schema: z.object({ jobs: z.array(jobSchema), ...pageLinks }).meta({ id: 'Jobs' }),
    },
  },
  async handle({ query, request, services }) {
    const at = services.now();
    const { status, source } = query;
    const [since, until] = [query.since?.(at).toISOString(), query.until?.(at).toISOString()];
    const filter = { status, source, since, until };
    const { items, continuation } = await services.jobs.list({ ...pageIn(request, query), ...filter });
    const jobs = items.map((job) => jobView(job, at));
    return { status: 200, json: { jobs, ...pageEnd(request, continuation) } };
  },
});

const getJob = defineOperation({
  id: 'get-job',
  method: 'GET',
  path: 'jobs/{jobId}',
  summary: 'One job: status, counts, rate',
  role: 'reader',
  perGroup: true,
  pathParameters,
  headers: z.object(ifNoneMatch),
  answers: {
    200: {
      description: 'The job. `retry-after` is there until it has ended.',
      schema: jobSchema,
      headers: { ...etagHeader, 'retry-after': retryAfter.optional() },
    },
    304: { description: 'The job is as it was.', headers: { ...etagHeader, 'retry-after': retryAfter.optional() } },
  },
  errors: ['not-found'],
  async handle({ path, headers, services }) {
    const job = await findJob(path.jobId, services.jobs);
    const view = jobView(job, services.now());
    // Rate and remaining time change by themselves. Only that a job stands still is news.
    const { rowsPerSecond: _, remainingSeconds, ...said } = view;
    const etag = etagOf({ ...said, isMoving: remainingSeconds !== undefined });
    return unlessKnown(etag, headers['if-none-match'], view, view.finishedAt === undefined ? again : {});
  },
});

const cancel = defineOperation({
  id: 'cancel-job',
  method: 'POST',
  path: 'jobs/{jobId}/cancel',
  summary: 'Cancel a job',
  description: 'Chunks that have not begun are dropped. Rows that are provisioned stay so.',
  role: 'submitter',
  perGroup: true,
  pathParameters,
  answers: { 202: { description: 'The job.', schema: jobSchema, headers: accepted } },
  errors: ['not-found', 'method-conflict'],
  async handle({ path, services, caller }) {
    const job = await cancelJob(path.jobId, services, actorName(caller));
    return { status: 202, json: jobView(job, services.now()), headers: monitor(job) };
  },
});

const retry = defineOperation({
  id: 'retry-job',
  method: 'POST',
  path: 'jobs/{jobId}/retry',
  summary: 'Retry the failed rows of a job',
  description: 'Rejected rows are not retried: only their sender can correct them.',
  role: 'submitter',
  perGroup: true,
  pathParameters,
  query: z.object({
    adopt: flag
      .optional()
      .describe('Replace individual enrollments that DPS has and that this deployment did not create.'),
  }),
  answers: {
    202: {
      description: 'The rows that were sent again.',
      schema: z
        .object({ jobId: z.string(), rows: count, links: z.object({ self: z.string().describe('Path of the job.') }) })
        .meta({ id: 'StartedRetry' }),
      headers: accepted,
    },
  },
  errors: ['not-found', 'method-conflict', 'manifest-gone', 'report-missing'],
  async handle({ path, query, services, caller }) {
    const job = await findJob(path.jobId, services.jobs);
    const { rows } = await retryJob(job, services, actorName(caller), query);
    const self = `/api/jobs/${job.jobId}`;
    return { status: 202, json: { jobId: job.jobId, rows, links: { self } }, headers: monitor(job) };
  },
});

export const jobOperations = [submitJob, listJobs, getJob, cancel, retry];

/** Where an accepted job is watched, and how often. */
export function monitor({ jobId }: Job) {
  return { location: `/api/jobs/${jobId}`, ...again };
}
