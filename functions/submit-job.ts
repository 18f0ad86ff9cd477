import { app, type HttpRequest } from '@azure/functions';
import { enrollmentGroupId } from '../lib/devices/ids.ts';
import { excerpt, FleetError } from '../lib/errors.ts';
import { conflictPolicies } from '../lib/jobs/job.ts';
import type { ManifestFormat } from '../lib/manifest/manifest.ts';
import { submitManifest } from '../lib/pipeline/submit-manifest.ts';
import { httpAuthLevel } from './config.ts';
import { jobView } from './http/job-view.ts';
import { wordFrom } from './http/parameters.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('submit-job', {
  route: 'jobs',
  methods: ['POST'],
  authLevel: httpAuthLevel(),
  handler: respond('submit-job', async (request) => {
    const format = formatOf(request);
    const defaultGroup = groupOf(request);
    const onConflict = wordFrom(request, 'onConflict', conflictPolicies) ?? 'reject';
    const body = Buffer.from(await request.arrayBuffer());
    // The host hands over no body at all where the request has no Content-Length.
    if (body.length === 0) {
      throw new FleetError('manifest-empty', 'The request has no body, or was sent chunked, without a Content-Length.');
    }
    const job = await submitManifest({ body, format, defaultGroup, onConflict }, services());
    return json(jobView(job, new Date()), { status: 202, headers: { location: `/api/jobs/${job.jobId}` } });
  }),
});

function formatOf(request: HttpRequest): ManifestFormat {
  const mediaType = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (mediaType === 'text/csv') return 'csv';
  if (mediaType === 'application/x-ndjson' || mediaType === 'application/jsonl') return 'ndjson';
  const expected = 'text/csv or application/x-ndjson';
  throw new FleetError('manifest-format', 'The Content-Type is not that of a manifest.', {
    column: 'content-type',
    expected,
    value: excerpt(mediaType),
  });
}

function groupOf(request: HttpRequest): string | undefined {
  const group = request.query.get('enrollmentGroup');
  if (group === null || group === '') return undefined;
  if (enrollmentGroupId.test(group)) return group;
  throw new FleetError('request-invalid', 'enrollmentGroup is no group id.', {
    column: 'enrollmentGroup',
    value: excerpt(group),
  });
}
