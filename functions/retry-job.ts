import { app } from '@azure/functions';
import { retryJob } from '../lib/pipeline/retry-job.ts';
import { httpAuthLevel } from './config.ts';
import { findJob } from './http/find-job.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('retry-job', {
  route: 'jobs/{jobId}/retry',
  methods: ['POST'],
  authLevel: httpAuthLevel(),
  handler: respond('retry-job', async (request) => {
    const job = await findJob(request);
    const rows = await retryJob(job, services());
    const location = `/api/jobs/${job.jobId}`;
    return json({ jobId: job.jobId, rows, links: { self: location } }, { status: 202, headers: { location } });
  }),
});
