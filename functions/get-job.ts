import { app } from '@azure/functions';
import { httpAuthLevel } from './config.ts';
import { findJob } from './http/find-job.ts';
import { jobView } from './http/job-view.ts';
import { json, respond } from './http/respond.ts';

app.http('get-job', {
  route: 'jobs/{jobId}',
  methods: ['GET'],
  authLevel: httpAuthLevel(),
  handler: respond('get-job', async (request) => json(jobView(await findJob(request), new Date()))),
});
