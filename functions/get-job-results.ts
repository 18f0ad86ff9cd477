import { app } from '@azure/functions';
import { jobResults } from '../lib/jobs/reports.ts';
import { resultsCsv } from '../lib/manifest/report.ts';
import { httpAuthLevel } from './config.ts';
import { csv } from './http/csv.ts';
import { findJob } from './http/find-job.ts';
import { respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('get-job-results', {
  route: 'jobs/{jobId}/results',
  methods: ['GET'],
  authLevel: httpAuthLevel(),
  handler: respond('get-job-results', async (request) => {
    const job = await findJob(request);
    return csv(`${job.jobId}-results.csv`, resultsCsv(jobResults(job.jobId, services())));
  }),
});
