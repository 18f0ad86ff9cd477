import { app } from '@azure/functions';
import { httpAuthLevel } from './config.ts';
import { jobView } from './http/job-view.ts';
import { nextLink, pageFrom } from './http/parameters.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('list-jobs', {
  route: 'jobs',
  methods: ['GET'],
  authLevel: httpAuthLevel(),
  handler: respond('list-jobs', async (request) => {
    const { items, continuation } = await services().jobs.list(pageFrom(request));
    const at = new Date();
    return json({ jobs: items.map((job) => jobView(job, at)), continuation, next: nextLink(request, continuation) });
  }),
});
