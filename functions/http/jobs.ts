import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions';
import { enrollmentGroupId } from '../../lib/devices/ids.ts';
import { excerpt, FleetError } from '../../lib/errors.ts';
import { conflictPolicies, isFinished, type Job, type JobStore, waiting } from '../../lib/jobs/job.ts';
import { jobErrors, jobResults } from '../../lib/jobs/reports.ts';
import type { ManifestFormat } from '../../lib/manifest/manifest.ts';
import { repairsAndWarnings } from '../../lib/manifest/repairs.ts';
import { errorsCsv, resultsCsv } from '../../lib/manifest/report.ts';
import { cancelJob } from '../../lib/pipeline/cancel-job.ts';
import { retryJob } from '../../lib/pipeline/retry-job.ts';
import { submitManifest } from '../../lib/pipeline/submit-manifest.ts';
import { jobIdFrom, nextLink, pageFrom, wordFrom } from './parameters.ts';
import { authLevel, download, json, respond } from './respond.ts';

app.http('submit-job', {
  route: 'jobs',
  methods: ['POST'],
  authLevel,
  handler: respond('submit-job', async (request, services) => {
    const format = formatOf(request);
    const defaultGroup = groupOf(request);
    const onConflict = wordFrom(request, 'onConflict', conflictPolicies) ?? 'reject';
    const body = Buffer.from(await request.arrayBuffer());
    if (body.length === 0) {
      // The host passes on no body of a chunked request.
      throw new FleetError('manifest-empty', 'The request has no body, or was sent chunked, without a Content-Length.');
    }
    const job = await submitManifest({ body, format, defaultGroup, onConflict }, services);
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
  handler: respond('get-job-errors', async (request, services) => {
    const { jobId, shape } = await findJob(request, services.jobs);
    return csv(`${jobId}-errors.csv`, errorsCsv(jobErrors(jobId, services), shape));
  }),
});

app.http('get-job-results', {
  route: 'jobs/{jobId}/results',
  methods: ['GET'],
  authLevel,
  handler: respond('get-job-results', async (request, services) => {
    const { jobId } = await findJob(request, services.jobs);
    return csv(`${jobId}-results.csv`, resultsCsv(jobResults(jobId, services)));
  }),
});

app.http('cancel-job', {
  route: 'jobs/{jobId}/cancel',
  methods: ['POST'],
  authLevel,
  handler: respond('cancel-job', async (request, services) => {
    const job = await cancelJob(jobIdFrom(request), services);
    return json(jobView(job, services.now()), { status: 202 });
  }),
});

app.http('retry-job', {
  route: 'jobs/{jobId}/retry',
  methods: ['POST'],
  authLevel,
  handler: respond('retry-job', async (request, services) => {
    const job = await findJob(request, services.jobs);
    const rows = await retryJob(job, services);
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

function formatOf(request: HttpRequest): ManifestFormat {
  const mediaType = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (mediaType === 'text/csv') return 'csv';
  if (mediaType === 'application/x-ndjson' || mediaType === 'application/jsonl') return 'ndjson';
  const [expected, value] = ['text/csv or application/x-ndjson', excerpt(mediaType)];
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

/**
 * A CSV download. The host takes whole bodies only, so the parts are gathered first: as bytes, because a string holds at
 * most half a gigabyte (V8's limit), which the results of a few million rows reach.
 */
async function csv(fileName: string, parts: AsyncIterable<string>): Promise<HttpResponseInit> {
  const body: Buffer[] = [];
  for await (const part of parts) body.push(Buffer.from(part));
  return download(fileName, 'text/csv; charset=utf-8', Buffer.concat(body));
}

/**
 * A job as the API shows it: the stored job, its progress and its rate.
 * @param at the time up to which a running job is measured
 */
export function jobView(job: Job, at: Date) {
  const { counts, startedAt, finishedAt, jobId } = job;
  const open = waiting(counts);
  const done = counts.total - open;
  const end = finishedAt === undefined ? at : new Date(finishedAt);
  const seconds = startedAt === undefined ? 0 : Math.max(0, (end.getTime() - new Date(startedAt).getTime()) / 1000);
  const rowsPerSecond = seconds > 0 ? done / seconds : 0;
  const running = !isFinished(job.status) && job.status !== 'received';
  const remaining = Math.ceil(open / rowsPerSecond);
  // A job without progress for longer than its remaining time is blocked, for example by the messages of a host that died.
  // Its rate so far then says nothing about the end.
  const last = job.lastPartAt ?? startedAt;
  const silentSeconds = last === undefined ? 0 : (at.getTime() - new Date(last).getTime()) / 1000;
  return {
    jobId,
    status: job.status,
    reason: job.reason,
    source: job.source,
    name: job.name,
    enrollmentGroup: job.defaultGroup,
    format: job.format,
    onConflict: job.onConflict,
    counts: { ...counts, waiting: open },
    ...repairsAndWarnings(job.repairs ?? {}),
    renamedColumns: job.shape?.renamed,
    percent: counts.total === 0 ? 0 : Math.floor((100 * done) / counts.total),
    rowsPerSecond: Math.round(rowsPerSecond * 10) / 10,
    remainingSeconds: running && rowsPerSecond > 0 && silentSeconds <= remaining ? remaining : undefined,
    chunks: job.chunks,
    receivedAt: job.receivedAt,
    startedAt: job.startedAt,
    lastProgressAt: job.lastPartAt,
    finishedAt: job.finishedAt,
    links: {
      self: `/api/jobs/${jobId}`,
      errors: `/api/jobs/${jobId}/errors`,
      results: `/api/jobs/${jobId}/results`,
      devices: `/api/devices?job=${jobId}`,
    },
  };
}
