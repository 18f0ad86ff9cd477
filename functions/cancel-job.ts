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
    const { jobs, now } = services();
    return json(jobView(await cancelJob(jobIdFrom(request), jobs, now()), now()), { status: 202 });
  }),
});
