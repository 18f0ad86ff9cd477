import type { HttpRequest } from '@azure/functions';
import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import { enrollmentGroupId } from '../../lib/devices/ids.ts';
import { type ErrorCode, FleetError } from '../../lib/errors.ts';
import { conflictPolicies, type Job, type JobStore } from '../../lib/jobs/job.ts';
import { jobErrors, jobResults } from '../../lib/jobs/reports.ts';
import { errorsCsv, resultsCsv } from '../../lib/manifest/report.ts';
import { cancelJob } from '../../lib/pipeline/cancel-job.ts';
import { submitChecked } from '../../lib/pipeline/check-manifest.ts';
import { retryJob } from '../../lib/pipeline/retry-job.ts';
import { type Submission, submitManifest } from '../../lib/pipeline/submit-manifest.ts';
import { type BodyDefinition, MiB } from './body.ts';
import { jobSchema, jobView } from './job-view.ts';
import { defineOperation } from './operation.ts';
import { jobIdInPath, nextLink, pageOf, pageQuery, word } from './parameters.ts';
import type { File } from './reply.ts';
import { streamed } from './response-stream.ts';
import { count, pageLinks } from './schemas.ts';
import { readUpload, uploadMediaTypes } from './upload.ts';

export const location = z.string().describe('Path of the job.');
const pathParameters = z.object({ jobId: jobIdInPath });
const maxUploadBytes = 100 * MiB;

/** What the sender of a manifest says about all of its rows. */
export const submissionQuery = z.object({
  enrollmentGroup: z
    .string()
    .regex(enrollmentGroupId, 'the id of an enrollment group')
    .optional()
    .describe('The group of rows that name none.'),
  onConflict: word(conflictPolicies)
    .optional()
    .meta({
      description:
        'For devices that are provisioned already: refuse other content, replace it, or provision again in any case.',
      override: { default: 'reject' },
    }),
});

export const manifestBody = {
  kind: 'stream',
  description: 'The manifest (docs/manifests.md), also with Content-Encoding: gzip.',
  mediaTypes: uploadMediaTypes,
  // The default limit of the host. A large body is stored as it comes, never as a whole in memory.
  maxBytes: maxUploadBytes,
  tooLarge: 'manifest-too-large',
} as const satisfies BodyDefinition;

/** The errors of a body that is no manifest. */
export const submissionErrors = [
  'manifest-empty',
  'manifest-format',
  'manifest-encoding',
  'manifest-too-large',
  'request-invalid',
  'not-found',
  'forbidden',
] as const satisfies ErrorCode[];

/** @throws FleetError one of `submissionErrors`, before anything is stored */
export async function submissionOf(
  { enrollmentGroup: defaultGroup, onConflict = 'reject' }: z.output<typeof submissionQuery>,
  body: AsyncGenerator<Uint8Array>,
  { headers }: Pick<HttpRequest, 'headers'>,
): Promise<Submission> {
  const upload = await readUpload(headers, body, maxUploadBytes);
  return { ...upload, ...(defaultGroup !== undefined && { defaultGroup }), onConflict };
}

const submitJob = defineOperation({
  id: 'submit-job',
  method: 'POST',
  path: 'jobs',
  summary: 'Submit a manifest',
  description: 'Stores the list and answers at once. Ask for the job to see what becomes of its rows.',
  role: 'submitter',
  perGroup: true,
  query: submissionQuery.extend({
    check: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, 'the digest of a check: sha256: and 64 hex digits')
      .optional()
      .describe(
        'The digest of a check. The list is refused if it, its groups or the records of its devices changed since.',
      ),
  }),
  body: manifestBody,
  answers: { 202: { description: 'The job.', schema: jobSchema, headers: { location } } },
  errors: [...submissionErrors, 'check-changed'],
  async handle({ query: { check, ...query }, body, request, services, caller }) {
    const submission = await submissionOf(query, body, request);
    const by = actorName(caller);
    const job =
      check === undefined
        ? await submitManifest(submission, services, by)
        : await submitChecked(submission, check, services, by);
    return { status: 202, json: jobView(job, services.now()), headers: { location: `/api/jobs/${job.jobId}` } };
  },
});

const listJobs = defineOperation({
  id: 'list-jobs',
  method: 'GET',
  path: 'jobs',
  summary: 'Jobs, newest first',
  role: 'reader',
  perGroup: true,
  query: z.object(pageQuery),
  answers: {
    200: {
      description: 'One page.',
      schema: z.object({ jobs: z.array(jobSchema), ...pageLinks }).meta({ id: 'Jobs' }),
    },
  },
  async handle({ query, request, services }) {
    const { items, continuation } = await services.jobs.list(pageOf(query));
    const at = services.now();
    const jobs = items.map((job) => jobView(job, at));
    return { status: 200, json: { jobs, continuation, next: nextLink(request, continuation) } };
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
  answers: { 200: { description: 'The job.', schema: jobSchema } },
  errors: ['not-found'],
  async handle({ path, services }) {
    return { status: 200, json: jobView(await findJob(path.jobId, services.jobs), services.now()) };
  },
});

const getJobErrors = defineOperation({
  id: 'get-job-errors',
  method: 'GET',
  path: 'jobs/{jobId}/errors',
  summary: 'Rejected and failed rows',
  description: 'The rows as they were sent, with line, code and message. Fix them and submit the file again.',
  role: 'reader',
  perGroup: true,
  pathParameters,
  answers: { 200: { description: 'The rows, while they are read.', mediaTypes: ['text/csv'] } },
  errors: ['not-found'],
  async handle({ path, services, requestId }) {
    const { jobId, shape } = await findJob(path.jobId, services.jobs);
    const rows = errorsCsv(jobErrors(jobId, services), shape);
    return { status: 200, file: csv(`${jobId}-errors.csv`, await streamed(requestId, rows)) };
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
  answers: { 200: { description: 'One line per device, while they are read.', mediaTypes: ['text/csv'] } },
  errors: ['not-found'],
  async handle({ path, services, requestId }) {
    const { jobId } = await findJob(path.jobId, services.jobs);
    const rows = resultsCsv(jobResults(jobId, services));
    return { status: 200, file: csv(`${jobId}-results.csv`, await streamed(requestId, rows)) };
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
  answers: { 202: { description: 'The job.', schema: jobSchema } },
  errors: ['not-found', 'method-conflict'],
  async handle({ path, services, caller }) {
    const job = await cancelJob(path.jobId, services, actorName(caller));
    return { status: 202, json: jobView(job, services.now()) };
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
  answers: {
    202: {
      description: 'The rows that were sent again.',
      schema: z
        .object({ jobId: z.string(), rows: count, links: z.object({ self: z.string().describe('Path of the job.') }) })
        .meta({ id: 'StartedRetry' }),
      headers: { location },
    },
  },
  errors: ['not-found', 'method-conflict', 'manifest-gone', 'report-missing'],
  async handle({ path, services, caller }) {
    const job = await findJob(path.jobId, services.jobs);
    const { rows } = await retryJob(job, services, actorName(caller));
    const self = `/api/jobs/${job.jobId}`;
    return { status: 202, json: { jobId: job.jobId, rows, links: { self } }, headers: { location: self } };
  },
});

export const jobOperations = [submitJob, listJobs, getJob, getJobErrors, getJobResults, cancel, retry];

/** @throws FleetError `not-found` */
async function findJob(jobId: string, jobs: JobStore): Promise<Job> {
  const job = await jobs.read(jobId);
  if (job === undefined) throw new FleetError('not-found', `There is no job "${jobId}".`);
  return job;
}

function csv(name: string, body: ReadableStream<Uint8Array>): File {
  return { name, mediaType: 'text/csv; charset=utf-8', body };
}
