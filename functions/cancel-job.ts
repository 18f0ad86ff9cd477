import { app } from '@azure/functions';
import { cancelJob } from '../lib/pipeline/cancel-job.ts';
import { httpAuthLevel } from './config.ts';
import { jobView } from './http/job-view.ts';
import { jobIdFrom } from './http/parameters.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('cancel-job', {
  route: 'jobs/{jobId}/cancel',
  methods: ['POST'],
  authLevel: httpAuthLevel(),
  handler: respond('cancel-job', async (request) => {
    const job = await cancelJob(jobIdFrom(request), services());
    return json(jobView(job, services().now()), { status: 202 });
  }),
});
