import { type Api, answered, type Schemas } from '../api.ts';
import type { Context } from '../context.ts';
import { CliError, exitCodes } from '../errors.ts';
import { followAndShow } from '../follow.ts';
import { checkLines, exitCodeOf, type Job, jobLines, nextOf, repairLines } from '../job-view.ts';
import { asIs, openList } from '../list-file.ts';
import { isTooLong, uploadList } from '../upload-list.ts';

export interface ListOptions {
  readonly group?: string | undefined;
  readonly onConflict?: 'reject' | 'replace' | 'reissue' | undefined;
  readonly adopt?: true | undefined;
}

interface CheckOptions extends ListOptions {
  readonly timeout?: number | undefined;
}

/** Says what a job would make of a list. Nothing is spent. */
export async function check(context: Context, file: string, options: CheckOptions): Promise<number> {
  const api = await context.api();
  const list = await openList(file, context.terminal);
  const query = queryOf(options);
  const answer = (await isTooLong(api, list, 'create-check'))
    ? await uploadList(context, api, list, { ...query, dryRun: true })
    : await answered(api.client.POST('/checks', { params: { query }, ...asIs(list) }));
  const { digest, refused } =
    'outcomes' in answer ? await showCheck(context, answer) : await awaitCheck(context, api, answer, options);
  if (refused === 0) context.say(`next: fleet submit ${file}${optionsText(options)} --check ${digest}`);
  return refused === 0 ? exitCodes.ok : exitCodes.failedRows;
}

async function showCheck({ output }: Context, found: Schemas['Check']) {
  await output.one(found, () => [...checkLines(found), ...repairLines(found)]);
  return { digest: found.digest, refused: found.outcomes.refused };
}

/** A large list is checked by a dry run. */
async function awaitCheck(context: Context, api: Api, { jobId }: Job, options: CheckOptions) {
  context.say(`The list is large, so job ${jobId} checks it.`);
  const job = await followAndShow(context, api, jobId, options.timeout);
  if (job.check === undefined) {
    throw new CliError(exitCodes.failed, `The check ended as ${job.status}.`, { next: `fleet job show ${jobId}` });
  }
  return { digest: job.check.digest, refused: job.check.outcomes.refused };
}

interface SubmitOptions extends ListOptions {
  readonly check?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly watch?: true | undefined;
  readonly timeout?: number | undefined;
}

/** Submits a list and prints its job. */
export async function submit(context: Context, file: string, options: SubmitOptions): Promise<number> {
  const api = await context.api();
  const key = options.idempotencyKey ?? context.terminal.newId();
  const sent = await sendList(context, api, file, { ...options, key });
  const { output, say } = context;
  if (!options.watch) {
    await output.one(sent, jobLines);
    say(`next: fleet job watch ${sent.jobId}`);
    return exitCodes.ok;
  }
  say(`Submitted ${file} as job ${sent.jobId}.`);
  const job = await followAndShow(context, api, sent.jobId, options.timeout);
  const next = nextOf(job);
  if (next !== undefined) say(`next: ${next}`);
  return exitCodeOf(job);
}

/** Attempts of a submission whose answer did not come. */
const attempts = 4;

/**
 * Sends a list. A request without an answer is sent again with the same key, so it is one job. A list that is too long for a
 * request is uploaded to blob storage.
 * @throws CliError what the last attempt met
 */
export async function sendList(
  context: Context,
  api: Api,
  file: string,
  { key, check, ...options }: ListOptions & { readonly key: string; readonly check?: string | undefined },
): Promise<Job> {
  const query = { ...queryOf(options), ...(check === undefined ? {} : { check }) };
  const { terminal } = context;
  const list = await openList(file, terminal);
  if (await isTooLong(api, list, 'submit-job')) return uploadList(context, api, list, query);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const params = { query, header: { 'idempotency-key': key } };
      return await answered(api.client.POST('/jobs', { params, ...asIs(list) }));
    } catch (error) {
      const { code } = error instanceof CliError ? error.details : {};
      const noAnswer =
        error instanceof CliError && error.exitCode === exitCodes.failed && error.details.cause !== undefined;
      if (attempt === attempts || !(noAnswer || code === 'throttled' || code === 'unavailable')) throw error;
      await terminal.sleep(1000 * 2 ** attempt);
    }
  }
}

function queryOf({ group, onConflict, adopt }: ListOptions) {
  return {
    ...(group === undefined ? {} : { enrollmentGroup: group }),
    ...(onConflict === undefined ? {} : { onConflict }),
    ...(adopt === undefined ? {} : { adopt }),
  };
}

/** The options of a check, for the submission that follows it. */
function optionsText({ group, onConflict, adopt }: ListOptions): string {
  const words = [
    ...(group === undefined ? [] : ['--group', group]),
    ...(onConflict === undefined ? [] : ['--on-conflict', onConflict]),
    ...(adopt === undefined ? [] : ['--adopt']),
  ];
  return words.map((word) => ` ${word}`).join('');
}
