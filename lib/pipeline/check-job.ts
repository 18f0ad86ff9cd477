import { FleetError } from '../errors.ts';
import { logFinished } from '../jobs/count-part.ts';
import { type Job, partName, reportName, waiting } from '../jobs/job.ts';
import { type ChunkMessage, placeOf } from '../jobs/messages.ts';
import type { SplitManifest } from '../manifest/splitter.ts';
import type { BlobStore } from '../storage.ts';
import { type CheckedChunk, type CheckPorts, countsOf, createListCheck, type ListCheck } from './check-chunk.ts';
import { checkChanged, createCheckSum } from './check-summary.ts';
import type { Ports } from './ports.ts';

export type CheckJobPorts = CheckPorts & Pick<Ports, 'jobs' | 'manifests' | 'reports' | 'deployment'>;

/** A manifest that is cut into chunks, with the digest of its bytes. */
export interface ListOfJob extends Pick<SplitManifest, 'chunks' | 'rows'> {
  /** SHA-256, hex. */
  readonly sha256: string;
}

/**
 * Most rows of a check: twice what one DPS instance holds. One worker checks all rows of a list, since a later row can depend
 * on an earlier one, and it remembers each device (check-claims.ts).
 */
const maxRows = 2_000_000;

/** @throws FleetError `manifest-too-large` */
export function refuseLargeCheck(rows: number): void {
  if (rows <= maxRows) return;
  const message = `The list has ${rows} rows, and a check takes ${maxRows}. Split the list, or submit it without a check.`;
  throw new FleetError('manifest-too-large', message, { expected: `at most ${maxRows} rows`, value: String(rows) });
}

/**
 * Runs a dry run to its end: checks each chunk, writes its report, counts it, and stores the summary. A report is written once
 * and decides what its chunk is: a second delivery, or another worker at the same moment, takes it over. So a dry run that is
 * cut anywhere ends with one answer.
 * @param job with status `checking`; its shape is known
 * @throws FleetError `check-changed` where the job names another check, `manifest-gone`, `throttled`, `unavailable`
 */
export async function runDryRun(job: Job, list: ListOfJob, ports: CheckJobPorts): Promise<void> {
  const { jobs, reports, now, groups, deployment } = ports;
  const { jobId } = job;
  await groups.directory({ maxAgeSeconds: 0 });
  const check = createListCheck(job, list, ports);
  const sum = createCheckSum();
  let current = job;
  for (const range of list.chunks) {
    const message = { jobId, ...range, attempt: 1 };
    const part = partName(range.chunk, 1);
    const place = { part, chunk: range.chunk, finishedAt: now().toISOString() };
    if (current.status === 'cancelled') {
      current = await jobs.count(jobId, { ...place, outcome: { ...nothing, cancelled: range.rows } });
      continue;
    }
    const name = reportName(jobId, part);
    const chunk = await checkOnce(check, message, { reports, name });
    sum.add(chunk);
    const counted = { ...place, outcome: countsOf(chunk), range: placeOf(message), report: name };
    current = await jobs.count(jobId, { ...counted, repairs: chunk.check.repairs });
  }
  const finishedAt = now().toISOString();
  // Chunks that another worker dropped have no report: there is nothing to sum up.
  if (current.counts.cancelled > 0) {
    if (waiting(current.counts) === 0) await jobs.update(jobId, ['cancelled'], { finishedAt });
    return;
  }
  const summary = sum.summary({ ...job, sha256: list.sha256 }, { deployment, at: now() });
  if (job.expectedCheck !== undefined && job.expectedCheck !== summary.digest) {
    throw checkChanged(job.expectedCheck, summary.digest);
  }
  const end = { status: 'checked', finishedAt, check: summary } as const;
  const finished = await jobs.update(jobId, ['checking', 'cancelled'], end);
  if (finished !== undefined) logFinished(finished);
}

/** The chunk as its report has it. Checks it and writes the report if there is none. */
async function checkOnce(
  check: ListCheck,
  message: ChunkMessage,
  { reports, name }: { reports: BlobStore; name: string },
): Promise<CheckedChunk> {
  const stored = await readCheckedChunk(reports, name);
  if (stored !== undefined) {
    check.resume(stored);
    return stored;
  }
  const found = await check.check(message);
  const kept = await keepFirst(reports, name, found);
  if (kept !== found) check.resume(kept);
  return kept;
}

const nothing = { provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0 };

/**
 * Checks the list of a job that names a check, before its first row is provisioned.
 * @param job its shape is known, and none of its chunks was sent
 * @throws FleetError `check-changed` when the digest differs; `manifest-gone`, `throttled`, `unavailable`
 */
export async function requireSameCheck(job: Job, list: ListOfJob, ports: CheckJobPorts): Promise<void> {
  const { jobId, expectedCheck } = job;
  if (expectedCheck === undefined) return;
  await ports.groups.directory({ maxAgeSeconds: 0 });
  const check = createListCheck(job, list, ports);
  const sum = createCheckSum();
  for (const range of list.chunks) sum.add(await check.check({ jobId, ...range, attempt: 1 }));
  const found = sum.digest({ ...job, sha256: list.sha256 });
  if (found === expectedCheck) return;
  // Another delivery may have found it unchanged and begun: its claims are what differs.
  const current = await ports.jobs.read(jobId);
  if (current?.chunks === 0) throw checkChanged(expectedCheck, found);
}

/** Stores what was found, unless it is stored already. @returns what is stored */
async function keepFirst(reports: BlobStore, name: string, found: CheckedChunk): Promise<CheckedChunk> {
  const body = Buffer.from(JSON.stringify(found));
  const options = { contentType: 'application/json' };
  if ((await reports.create(name, body, options)) !== undefined) return found;
  const stored = await readCheckedChunk(reports, name);
  if (stored !== undefined) return stored;
  // It was deleted or damaged meanwhile.
  await reports.write(name, body, options);
  return found;
}

/** @returns undefined when there is no report, or one that this app did not write */
async function readCheckedChunk(reports: BlobStore, name: string): Promise<CheckedChunk | undefined> {
  const body = await reports.read(name);
  if (body === undefined) return undefined;
  try {
    const report = JSON.parse(body.toString('utf8')) as Partial<CheckedChunk>;
    const isWhole = Array.isArray(report.results) && Array.isArray(report.faults) && report.check !== undefined;
    return isWhole ? (report as CheckedChunk) : undefined;
  } catch {
    return undefined;
  }
}
