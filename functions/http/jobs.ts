import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions';
import { actorName } from '../../lib/access/act.ts';
import { enrollmentGroupId } from '../../lib/devices/ids.ts';
import { excerpt, FleetError } from '../../lib/errors.ts';
import {
  conflictPolicies,
  currentStatus,
  endedAt,
  isFinished,
  type Job,
  type JobStore,
  waiting,
} from '../../lib/jobs/job.ts';
import { jobErrors, jobResults } from '../../lib/jobs/reports.ts';
import type { ManifestFormat } from '../../lib/manifest/manifest.ts';
import { repairsAndWarnings } from '../../lib/manifest/repairs.ts';
import { errorsCsv, resultsCsv } from '../../lib/manifest/report.ts';
import { cancelJob } from '../../lib/pipeline/cancel-job.ts';
import { retryJob } from '../../lib/pipeline/retry-job.ts';
import { mediaTypes, submitManifest } from '../../lib/pipeline/submit-manifest.ts';
import { bodyOf } from './body.ts';
import { jobIdFrom, nextLink, pageFrom, wordFrom } from './parameters.ts';
import { authLevel, download, json, respond } from './respond.ts';
import { streamed } from './response-stream.ts';

app.http('submit-job', {
  route: 'jobs',
  methods: ['POST'],
  authLevel,
  handler: respond('submit-job', async (request, services, { caller }) => {
    const format = formatOf(request);
    const defaultGroup = groupOf(request);
    const onConflict = wordFrom(request, 'onConflict', conflictPolicies) ?? 'reject';
    const body = await notEmpty(bodyOf('submit-job', request));
    const job = await submitManifest({ body, format, defaultGroup, onConflict }, services, actorName(caller));
    return json(jobView(job, services.now()), { status: 202, headers: { location: `/api/jobs/${job.jobId}` } });
  }),
});

app.http('list-jobs', {
  route: 'jobs',
  methods: ['GET'],
  authLevel,
  handler: respond('list-jobs', async (request, { jobs, now }) => {
    const { items, continuation } = await jobs.list(pageFrom(request));
    const at = now();
    return json({ jobs: items.map((job) => jobView(job, at)), continuation, next: nextLink(request, continuation) });
  }),
});

app.http('get-job', {
  route: 'jobs/{jobId}',
  methods: ['GET'],
  authLevel,
  handler: respond('get-job', async (request, { jobs, now }) => json(jobView(await findJob(request, jobs), now()))),
});

app.http('get-job-errors', {
  route: 'jobs/{jobId}/errors',
  methods: ['GET'],
  authLevel,
  handler: respond('get-job-errors', async (request, services, { requestId }) => {
    const { jobId, shape } = await findJob(request, services.jobs);
    return csv(`${jobId}-errors.csv`, await streamed(requestId, errorsCsv(jobErrors(jobId, services), shape)));
  }),
});

app.http('get-job-results', {
  route: 'jobs/{jobId}/results',
  methods: ['GET'],
  authLevel,
  handler: respond('get-job-results', async (request, services, { requestId }) => {
    const { jobId } = await findJob(request, services.jobs);
    return csv(`${jobId}-results.csv`, await streamed(requestId, resultsCsv(jobResults(jobId, services))));
  }),
});

app.http('cancel-job', {
  route: 'jobs/{jobId}/cancel',
  methods: ['POST'],
  authLevel,
  handler: respond('cancel-job', async (request, services, { caller }) => {
    const job = await cancelJob(jobIdFrom(request), services, actorName(caller));
    return json(jobView(job, services.now()), { status: 202 });
  }),
});

app.http('retry-job', {
  route: 'jobs/{jobId}/retry',
  methods: ['POST'],
  authLevel,
  handler: respond('retry-job', async (request, services, { caller }) => {
    const job = await findJob(request, services.jobs);
    const { rows } = await retryJob(job, services, actorName(caller));
    const location = `/api/jobs/${job.jobId}`;
    return json({ jobId: job.jobId, rows, links: { self: location } }, { status: 202, headers: { location } });
  }),
});

/** The job that the route names. @throws FleetError `not-found` */
async function findJob(request: HttpRequest, jobs: JobStore): Promise<Job> {
  const jobId = jobIdFrom(request);
  const job = await jobs.read(jobId);
  if (job === undefined) throw new FleetError('not-found', `There is no job "${jobId}".`);
  return job;
}

/** @returns the same body, when it has at least one byte. @throws FleetError `manifest-empty`, before anything is stored */
async function notEmpty(body: AsyncGenerator<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const first = await body.next();
  if (first.done) throw new FleetError('manifest-empty', 'The request has no body. Send the manifest as the body.');
  return (async function* () {
    yield first.value;
    yield* body;
  })();
}

function formatOf(request: HttpRequest): ManifestFormat {
  const mediaType = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (mediaType === 'text/csv') return 'csv';
  if (mediaType === 'application/x-ndjson' || mediaType === 'application/jsonl') return 'ndjson';
  if (mediaType === mediaTypes.xlsx) return 'xlsx';
  const [expected, value] = [`text/csv, application/x-ndjson or ${mediaTypes.xlsx}`, excerpt(mediaType)];
  const message = `The Content-Type is "${value}". Expected ${expected}.`;
  throw new FleetError('manifest-format', message, { column: 'content-type', expected, value });
}

function groupOf(request: HttpRequest): string | undefined {
  const group = request.query.get('enrollmentGroup');
  if (group === null || group === '') return undefined;
  if (enrollmentGroupId.test(group)) return group;
  const value = excerpt(group);
  const message = `The parameter enrollmentGroup is "${value}". Expected the id of an enrollment group.`;
  throw new FleetError('request-invalid', message, { column: 'enrollmentGroup', value });
}

function csv(fileName: string, body: ReadableStream<Uint8Array>): HttpResponseInit {
  return download(fileName, 'text/csv; charset=utf-8', body);
}

/**
 * A job as the API shows it: the stored job, its progress and its rate.
 * @param at the time up to which a running job is measured
 */
export function jobView(job: Job, at: Date) {
  const { counts, startedAt, jobId } = job;
  const status = currentStatus(job);
  const finishedAt = endedAt(job);
  const retrying = Math.max(0, job.retrying ?? 0);
  const open = waiting(counts) + retrying;
  const done = counts.total - open;
  const end = finishedAt === undefined ? at : new Date(finishedAt);
  const seconds = startedAt === undefined ? 0 : Math.max(0, (end.getTime() - new Date(startedAt).getTime()) / 1000);
  const rowsPerSecond = seconds > 0 ? done / seconds : 0;
  const running = !isFinished(status) && status !== 'received';
  const remaining = Math.ceil(open / rowsPerSecond);
  // A job without progress for longer than its remaining time is blocked, for example by the messages of a host that died.
  // Its rate so far then says nothing about the end.
  const last = job.lastPartAt ?? startedAt;
  const silentSeconds = last === undefined ? 0 : (at.getTime() - new Date(last).getTime()) / 1000;
  return {
    jobId,
    status,
    reason: job.reason,
    source: job.source,
    name: job.name,
    enrollmentGroup: job.defaultGroup,
    format: job.format,
    onConflict: job.onConflict,
    counts: { ...counts, waiting: waiting(counts) },
    retrying,
    ...repairsAndWarnings(job.repairs ?? {}),
    renamedColumns: job.shape?.renamed,
    percent: counts.total === 0 ? 0 : Math.floor((100 * done) / counts.total),
    rowsPerSecond: Math.round(rowsPerSecond * 10) / 10,
    remainingSeconds: running && rowsPerSecond > 0 && silentSeconds <= remaining ? remaining : undefined,
    chunks: job.chunks,
    receivedAt: job.receivedAt,
    startedAt: job.startedAt,
    lastProgressAt: job.lastPartAt,
    finishedAt,
    submittedBy: job.submittedBy,
    cancelledBy: job.cancelledBy,
    retries: job.retries,
    links: {
      self: `/api/jobs/${jobId}`,
      errors: `/api/jobs/${jobId}/errors`,
      results: `/api/jobs/${jobId}/results`,
      devices: `/api/devices?job=${jobId}`,
    },
  };
}
