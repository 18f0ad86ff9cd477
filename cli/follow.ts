import { type Api, failureOf } from './api.ts';
import type { Context } from './context.ts';
import { CliError, exitCodes } from './errors.ts';
import { type Job, jobLines, progressText } from './job-view.ts';
import { createProgress } from './progress.ts';

export interface FollowOptions {
  /** Seconds to wait at most. */
  readonly timeout?: number | undefined;
  /** Gets the job each time that it has changed. */
  readonly onChange?: (job: Job) => Promise<void>;
}

/** Seconds between two questions when the deployment does not say. */
const defaultPause = 2;

/**
 * Waits until a job has ended, with progress on stderr.
 * @throws CliError `timedOut`
 */
export async function followJob(
  context: Context,
  { client }: Api,
  jobId: string,
  { timeout, onChange }: FollowOptions,
): Promise<Job> {
  const { terminal } = context;
  const progress = createProgress(context);
  const deadline = terminal.now().getTime() + (timeout ?? Number.POSITIVE_INFINITY) * 1000;
  let etag: string | undefined;
  try {
    for (;;) {
      const { data, error, response } = await client.GET('/jobs/{jobId}', {
        params: { path: { jobId }, header: etag === undefined ? {} : { 'if-none-match': etag } },
      });
      if (data !== undefined) {
        await onChange?.(data);
        if (data.finishedAt !== undefined && data.retrying === 0) return data;
        progress.show(progressText(data), data.percent / 100);
      } else if (response.status !== 304) throw failureOf(response, error);
      etag = response.headers.get('etag') ?? undefined;
      const pause = Number(response.headers.get('retry-after')) || defaultPause;
      if (terminal.now().getTime() + pause * 1000 > deadline) {
        const message = `Job ${jobId} has not ended in time. It goes on.`;
        throw new CliError(exitCodes.timedOut, message, { next: `fleet job watch ${jobId}` });
      }
      await terminal.sleep(pause * 1000);
    }
  } finally {
    progress.end();
  }
}

/** Waits until a job has ended, and writes it; with `-o jsonl` each time that it has changed. */
export async function followAndShow(
  context: Context,
  api: Api,
  jobId: string,
  timeout: number | undefined,
): Promise<Job> {
  const { output } = context;
  if (output.format === 'jsonl') {
    return followJob(context, api, jobId, { timeout, onChange: (job) => output.one(job, jobLines) });
  }
  const job = await followJob(context, api, jobId, { timeout });
  await output.one(job, jobLines);
  return job;
}
