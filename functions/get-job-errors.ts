import { app } from '@azure/functions';
import { jobErrors } from '../lib/jobs/reports.ts';
import { errorsCsv } from '../lib/manifest/report.ts';
import { httpAuthLevel } from './config.ts';
import { csv } from './http/csv.ts';
import { findJob } from './http/find-job.ts';
import { respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('get-job-errors', {
  route: 'jobs/{jobId}/errors',
  methods: ['GET'],
  authLevel: httpAuthLevel(),
  handler: respond('get-job-errors', async (request) => {
    const job = await findJob(request);
    return csv(`${job.jobId}-errors.csv`, errorsCsv(jobErrors(job.jobId, services()), job.shape));
  }),
});
