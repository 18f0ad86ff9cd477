import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { basename, extname, join, parse } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Api, failureOf } from '../api.ts';
import type { Context } from '../context.ts';
import { CliError, errorLines, exitCodes } from '../errors.ts';
import { followJob } from '../follow.ts';
import { exitCodeOf, type Job } from '../job-view.ts';
import { listSuffixes } from '../list-file.ts';
import { type ListOptions, sendList } from './lists.ts';

interface WatchOptions extends ListOptions {
  /** Seconds. */
  readonly quietFor: number;
  readonly once?: true | undefined;
}

/** Size and time of a file, and since when it has had them. */
interface Sight {
  readonly size: number;
  readonly changed: number;
  readonly since: number;
}

/** One file that was taken. */
interface Taken {
  readonly file: string;
  readonly to: string;
  readonly jobId?: string;
  readonly status: string;
}

/** Milliseconds between two looks at the folder. */
const lookEvery = 2000;

/** Submits the lists of a folder, one after the other, until Ctrl-C, or with --once until none is left. */
export async function watchFolder(context: Context, folder: string, options: WatchOptions): Promise<number> {
  const { terminal, output, say } = context;
  const api = await context.api();
  for (const name of ['done', 'failed']) await mkdir(join(folder, name), { recursive: true });
  say(`Watching ${folder} for ${listSuffixes.join(', ')}. Ctrl-C ends it.`);
  const seen = new Map<string, Sight>();
  let code: number = exitCodes.ok;
  for (;;) {
    const names = await listsIn(folder);
    for (const name of seen.keys()) if (!names.includes(name)) seen.delete(name);
    for (const name of names) {
      if (!(await isQuiet(join(folder, name), seen, options.quietFor, terminal.now().getTime()))) continue;
      const taken = await take(context, api, folder, name, options);
      if (taken === undefined) continue;
      if (output.isTable) await output.raw(`${taken.file} -> ${taken.to} (${taken.status})\n`);
      else await output.raw(`${JSON.stringify(taken)}\n`);
      if (taken.to.startsWith('failed')) code = exitCodes.failedRows;
    }
    if (options.once && (await listsIn(folder)).length === 0) return code;
    await terminal.sleep(lookEvery);
  }
}

async function listsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const lists = entries.filter((entry) => entry.isFile() && listSuffixes.includes(extname(entry.name).toLowerCase()));
  // Excel keeps a file `~$NAME` beside a workbook that is open.
  const names = lists.map(({ name }) => name).filter((name) => !/^[.~]/.test(name));
  return names.sort();
}

/** Whether a file has not changed for a while: a copy over the network writes for seconds. */
async function isQuiet(file: string, seen: Map<string, Sight>, quietFor: number, now: number): Promise<boolean> {
  const state = await stat(file).catch(() => undefined);
  if (state === undefined) return false;
  const [name, before] = [basename(file), seen.get(basename(file))];
  const isSame = before !== undefined && before.size === state.size && before.changed === state.mtimeMs;
  const since = isSame ? before.since : now;
  seen.set(name, { size: state.size, changed: state.mtimeMs, since });
  return now - since >= quietFor * 1000;
}

/**
 * @returns what became of a file; undefined when it stays, because it was written to meanwhile, or because the deployment cannot
 * be reached
 */
async function take(
  context: Context,
  api: Api,
  folder: string,
  name: string,
  options: WatchOptions,
): Promise<Taken | undefined> {
  const file = join(folder, name);
  const before = await versionOf(file);
  if (before === undefined) return undefined;
  // Rows that were written after the file was read are in no job.
  async function isUnchanged(): Promise<boolean> {
    if ((await versionOf(file)) === before) return true;
    context.say(`${name}: it was written to while it was submitted. It is submitted again when it is quiet.`);
    return false;
  }
  try {
    const key = await keyOf(file, options);
    const sent = await sendList(context, api, file, { ...options, key });
    context.say(`${name}: job ${sent.jobId}`);
    const job = await followJob(context, api, sent.jobId, {});
    if (!(await isUnchanged())) return undefined;
    if (job.reason !== undefined) context.say(`${name}: ${job.reason.message} (${job.reason.code})`);
    const isGood = exitCodeOf(job) === exitCodes.ok;
    const to = await freeName(folder, isGood ? 'done' : 'failed', name, job.jobId);
    await writeReports(api, job, join(folder, to), isGood);
    await rename(file, join(folder, to));
    return { file: name, to, jobId: job.jobId, status: job.status };
  } catch (error) {
    context.terminal.signal.throwIfAborted();
    if (!(error instanceof CliError) || error.exitCode === exitCodes.access) throw error;
    const isRefused =
      error.details.code !== undefined && !['throttled', 'unavailable', 'internal'].includes(error.details.code);
    for (const line of errorLines(error)) context.say(`${name}: ${line}`);
    if (!isRefused || !(await isUnchanged())) return undefined;
    const to = await freeName(folder, 'failed', name, 'refused');
    await writeFile(`${join(folder, to)}.error.txt`, `${errorLines(error).join('\n')}\n`);
    await rename(file, join(folder, to));
    return { file: name, to, status: error.details.code ?? 'refused' };
  }
}

/** @returns size and time of a file; undefined when it is not there any more */
async function versionOf(file: string): Promise<string | undefined> {
  const state = await stat(file).catch(() => undefined);
  return state && `${state.size} ${state.mtimeMs}`;
}

/** The same for the same file, also after a crash; another one when the file is put there again. */
async function keyOf(file: string, { group, onConflict }: ListOptions): Promise<string> {
  const { mtimeMs } = await stat(file);
  const digest = createHash('sha256');
  digest.update(JSON.stringify([basename(file), mtimeMs, group, onConflict]));
  await pipeline(createReadStream(file), digest);
  return `watch-folder-${digest.digest('hex').slice(0, 32)}`;
}

/** @returns the name in the folder of ends, with the id of the job when the name is taken */
async function freeName(folder: string, end: 'done' | 'failed', name: string, suffix: string): Promise<string> {
  const { name: stem, ext } = parse(name);
  const isTaken = await access(join(folder, end, name)).then(
    () => true,
    () => false,
  );
  return join(end, isTaken ? `${stem}.${suffix}${ext}` : name);
}

/** Writes the reports before the file moves: a crash in between leaves the file, and it is done again. */
async function writeReports({ client }: Api, job: Job, file: string, isGood: boolean): Promise<void> {
  await writeFile(`${file}.job.json`, `${JSON.stringify(job, undefined, 2)}\n`);
  if (job.counts.total === 0) return;
  const path = isGood ? '/jobs/{jobId}/results' : '/jobs/{jobId}/errors';
  const params = { path: { jobId: job.jobId }, query: { format: 'csv' as const } };
  const { data, error, response } = await client.GET(path, { params, parseAs: 'stream' });
  if (!response.ok || data == null) throw failureOf(response, error);
  const report = Readable.fromWeb(data as unknown as Parameters<typeof Readable.fromWeb>[0]);
  await pipeline(report, createWriteStream(`${file}.${isGood ? 'results' : 'errors'}.csv`));
}
