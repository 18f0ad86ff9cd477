import { answered } from '../api.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../errors.ts';
import { followAndShow } from '../follow.ts';
import { exitCodeOf, type Job, jobColumns, jobLines, nextOf } from '../job-view.ts';
import { writeList } from '../paging.ts';
import { plural } from '../text.ts';

interface ListOptions {
  readonly status?: string | undefined;
  readonly source?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly limit?: number | undefined;
}

export async function listJobs(context: Context, { limit, ...filter }: ListOptions): Promise<undefined> {
  const { client } = await context.api();
  await writeList(context, jobColumns, limit, async (page) => {
    // The deployment checks the words, and says which ones it knows.
    const query = { ...page, ...(filter as { source?: 'blob' }) };
    const { jobs, continuation } = await answered(client.GET('/jobs', { params: { query } }));
    return { items: jobs, continuation };
  });
  return undefined;
}

export async function showJob(context: Context, jobId: string): Promise<undefined> {
  const job = await readJob(context, jobId);
  await context.output.one(job, jobLines);
  const next = job.finishedAt === undefined ? `fleet job watch ${jobId}` : nextOf(job);
  if (next !== undefined) context.say(`next: ${next}`);
  return undefined;
}

async function readJob(context: Context, jobId: string): Promise<Job> {
  const { client } = await context.api();
  return answered(client.GET('/jobs/{jobId}', { params: { path: { jobId } } }));
}

export async function watchJob(
  context: Context,
  jobId: string,
  options: { timeout?: number | undefined },
): Promise<number> {
  const job = await followAndShow(context, await context.api(), jobId, options.timeout);
  const next = nextOf(job);
  if (next !== undefined) context.say(`next: ${next}`);
  return exitCodeOf(job);
}

interface RetryOptions {
  readonly adopt?: true | undefined;
  readonly watch?: true | undefined;
  readonly timeout?: number | undefined;
}

export async function retryJob(context: Context, jobId: string, options: RetryOptions): Promise<number> {
  const { client } = await context.api();
  const query = options.adopt === undefined ? {} : { adopt: options.adopt };
  const started = await answered(client.POST('/jobs/{jobId}/retry', { params: { path: { jobId }, query } }));
  context.say(`${plural(started.rows, 'failed row')} of job ${jobId} will be processed again.`);
  if (options.watch) return watchJob(context, jobId, options);
  await context.output.one(started, ({ rows }) => [
    ['job', jobId],
    ['rows', rows],
  ]);
  context.say(`next: fleet job watch ${jobId}`);
  return exitCodes.ok;
}

export async function cancelJob(
  context: Context,
  jobId: string,
  options: { yes?: true | undefined },
): Promise<undefined> {
  const { name, counts } = await readJob(context, jobId);
  const done = counts.provisioned + counts.unchanged;
  await context.confirm(
    `Cancel job ${jobId} (${name})? ${plural(counts.waiting, 'row')} will not be provisioned, ${plural(done, 'row')} stay as they are.`,
    options,
  );
  const { client } = await context.api();
  const job = await answered(client.POST('/jobs/{jobId}/cancel', { params: { path: { jobId } } }));
  await context.output.one(job, jobLines);
  return undefined;
}
