import type { Route } from '../http/server.ts';
import type { ViewOf } from './hub-access.ts';
import { readJobRequest, showJob } from './registry-job.ts';
import type { RegistryJobs } from './registry-jobs.ts';

/** Import and export jobs: https://learn.microsoft.com/rest/api/iothub/service/jobs */
export function jobRoutes({ viewOf, jobs }: { viewOf: ViewOf; jobs: RegistryJobs }): Route[] {
  return [
    {
      method: 'POST',
      path: '/jobs/create',
      async handle(call) {
        const view = viewOf(call, 'jobs');
        return { status: 200, body: showJob(await jobs.create(view, readJobRequest(call.body))) };
      },
    },
    {
      method: 'GET',
      path: '/jobs',
      handle: (call) => ({ status: 200, body: jobs.list(viewOf(call, 'jobs')).map(showJob) }),
    },
    {
      method: 'GET',
      path: '/jobs/{id}',
      handle: (call) => ({ status: 200, body: showJob(jobs.get(viewOf(call, 'jobs'), call.parameters['id'] ?? '')) }),
    },
    {
      method: 'DELETE',
      path: '/jobs/{id}',
      handle: (call) => ({
        status: 200,
        body: showJob(jobs.cancel(viewOf(call, 'jobs'), call.parameters['id'] ?? '')),
      }),
    },
  ];
}
