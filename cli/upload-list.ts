import { type Api, answered, type Schemas } from './api.ts';
import type { Context } from './context.ts';
import { CliError, exitCodes } from './errors.ts';
import type { Job } from './job-view.ts';
import { formatOf, type ListFile } from './list-file.ts';

/*
 * A list that is too long for the body of a request goes straight to blob storage, to a signed address that the deployment gives.
 */

/** Bytes. Every deployment takes a list of this size in a request. Before a longer one is sent, it is asked what it takes. */
const surelyTaken = 1024 * 1024;

/** Whether a list is longer than what an operation of the deployment takes. */
export async function isTooLong(
  { client }: Api,
  { body }: ListFile,
  operation: 'submit-job' | 'create-check',
): Promise<boolean> {
  if (body.size <= surelyTaken) return false;
  const { operations } = await answered(client.GET('/me'));
  // A caller without the right is refused by the operation itself, in its words.
  const longest = operations.find(({ id }) => id === operation)?.maxBodyBytes ?? Number.POSITIVE_INFINITY;
  return body.size > longest;
}

interface UploadQuery {
  readonly enrollmentGroup?: string;
  readonly onConflict?: 'reject' | 'replace' | 'reissue';
  readonly adopt?: true;
  readonly check?: string;
  readonly dryRun?: true;
}

/** Seconds between two questions, and how often it is asked. An event of the storage begins the job, usually within seconds. */
const [secondsBetween, questions] = [2, 150];

/** Uploads a list and waits for its job. @throws CliError when the storage refuses it, or no job comes */
export async function uploadList(
  { say, terminal }: Context,
  { client }: Api,
  list: ListFile,
  query: UploadQuery,
): Promise<Job> {
  const format = formatOf(list);
  if (format === undefined) {
    const hint = 'Name the file .csv, .xlsx, .ndjson or .jsonl.';
    throw new CliError(exitCodes.failed, 'The list is uploaded to blob storage, which needs its format.', { hint });
  }
  const prepared = await answered(client.POST('/uploads', { params: { query: { ...query, format } } }));
  const { uploadId } = prepared.upload;
  say(`The list has ${list.body.size} bytes, so it is uploaded to blob storage.`);
  await put(prepared, list, terminal.signal);
  for (let question = 1; question <= questions; question += 1) {
    const { jobId } = await answered(client.GET('/uploads/{uploadId}', { params: { path: { uploadId } } }));
    if (jobId !== undefined) return answered(client.GET('/jobs/{jobId}', { params: { path: { jobId } } }));
    await terminal.sleep(secondsBetween * 1000);
  }
  const minutes = (secondsBetween * questions) / 60;
  throw new CliError(exitCodes.failed, `The list is uploaded, but it has no job after ${minutes} minutes.`, {
    next: 'fleet jobs',
  });
}

async function put({ url, headers }: Schemas['UploadWithUrl'], { body }: ListFile, signal: AbortSignal): Promise<void> {
  const { host } = new URL(url);
  const hint =
    'The storage account can be reached from its own network only, where the deployment has private endpoints.';
  let answer: Response;
  try {
    answer = await fetch(url, { method: 'PUT', body, headers, redirect: 'manual', signal });
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new CliError(exitCodes.failed, `Cannot reach ${host}.`, { hint, cause });
  }
  await answer.body?.cancel();
  if (answer.ok) return;
  throw new CliError(exitCodes.failed, `${host} answered ${answer.status} to the upload.`, { hint });
}
