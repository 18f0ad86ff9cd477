import { createHash } from 'node:crypto';
import type { Act } from '../access/act.ts';
import type { ErrorCode, FailureReason } from '../errors.ts';
import type { ManifestFormat, ManifestShape } from '../manifest/manifest.ts';
import type { Repairs } from '../manifest/repairs.ts';
import type { Owing } from '../outbox.ts';
import type { Measured, Page, PageRequest, Versioned } from '../storage.ts';
import type { CheckSummary } from './check.ts';
import type { OrderReference } from './order-reference.ts';

/**
 * `received`: known, not begun. `splitting`: row boundaries are being found. `provisioning`: chunks are in work.
 * `checking`: a dry run is in work. `checked`: a dry run has ended; nothing was provisioned.
 * `completed`: every row is provisioned or unchanged. `completedWithErrors`: some rows were rejected or failed.
 * `failed`: the manifest as a whole was refused. `cancelled`: stopped; chunks not begun were dropped.
 */
export type JobStatus = (typeof jobStatuses)[number];
export const jobStatuses = [
  'received',
  'splitting',
  'provisioning',
  'completed',
  'completedWithErrors',
  'failed',
  'cancelled',
  'checking',
  'checked',
] as const;

/** How its manifest came. */
export type JobSource = (typeof jobSources)[number];
export const jobSources = ['blob', 'order', 'http'] as const;

/**
 * What happens to a device that is provisioned already. `reject`: other content is refused. `replace`: other content
 * provisions it again. `reissue`: it is provisioned again in any case, for a certificate that ends or is to come from another
 * CA, or a bundle that was lost.
 */
export type ConflictPolicy = (typeof conflictPolicies)[number];
export const conflictPolicies = ['reject', 'replace', 'reissue'] as const;

/** One submitted manifest and everything that becomes of it. Times are ISO 8601, UTC. */
export interface Job extends Owing {
  readonly jobId: string;
  readonly source: JobSource;
  /** The blob's name or the order's id. */
  readonly name: string;
  readonly manifest: ManifestVersion;
  /** Absent when the name of the blob gives none; the job is then failed. */
  readonly format?: ManifestFormat;
  /** The table of a workbook, from which its rows are read. Known once the manifest is split. */
  readonly table?: TableVersion;
  readonly defaultGroup?: string;
  readonly onConflict: ConflictPolicy;
  /** Individual enrollments that DPS has and that this deployment did not write are replaced. Absent: they are refused. */
  readonly adopt?: true;
  /** The sender's own keys, from its order. */
  readonly reference?: OrderReference;
  /**
   * The enrollment groups that its submitter may use, when they are limited. Rows of other groups, and of devices in other
   * groups, are rejected. Absent: all groups.
   */
  readonly allowedGroups?: readonly string[];
  /** True: a dry run. Its rows are checked, and no device, certificate or enrollment comes of it. */
  readonly dryRun?: boolean;
  /** The digest of the check on which its submitter relies: it begins only if a check has the same digest still. */
  readonly expectedCheck?: string;
  /** What a dry run found. Absent until it has ended. */
  readonly check?: CheckSummary;
  /** As it was written last. `currentStatus` is the status to show: a worker can die before it writes this one. */
  readonly status: JobStatus;
  /** Why it failed. */
  readonly reason?: FailureReason;
  /** Who submitted it over HTTP or by an order. Absent for a blob, whose uploader is not known. */
  readonly submittedBy?: Act;
  readonly cancelledBy?: Act;
  /** The latest 20 retries, oldest first. */
  readonly retries?: readonly Retry[];
  /** Rows that a retry has sent and that are not counted again; they still count as failed. See `isRetrying`. */
  readonly retrying?: number;
  /** Known once the manifest is split. */
  readonly shape?: ManifestShape;
  /** Rows per chunk, likewise. */
  readonly chunkRows?: number;
  readonly chunks: number;
  readonly counts: RowCounts;
  /** Repairs and warnings so far: of the file when it is split, of rows as parts are counted. Absent before that. */
  readonly repairs?: Repairs;
  readonly receivedAt: string;
  readonly startedAt?: string;
  /** All chunk messages are on the queue. */
  readonly dispatchedAt?: string;
  /** When one of its parts was counted last. */
  readonly lastPartAt?: string;
  readonly finishedAt?: string;
  /** Why rows were rejected or failed, when it ended last. */
  readonly reasons?: RowReasons;
  /** Absent until it has ended, and on jobs of earlier versions. */
  readonly end?: JobEnd;
}

/** The latest end of a job that was announced (job-events.ts). */
export interface JobEnd {
  /** 1, and one more for each further end, after a retry or a redrive. */
  readonly revision: number;
  /** Digest of what was announced. Absent while the job is at work again. */
  readonly digest?: string;
}

/** Rows by code of their error. */
export interface RowReasons {
  /** Most frequent first, the first 20. */
  readonly codes: readonly { readonly code: ErrorCode; readonly rows: number }[];
  /** False: a large job, of which not all reports were read. */
  readonly complete: boolean;
}

/** A retry of a job: who asked for it, and how many rows it sent. */
export interface Retry extends Act {
  /** It replaced enrollments that this deployment did not write. */
  readonly adopt?: true;
  readonly rows: number;
}

/** The version of a manifest that a job works on. */
export interface ManifestVersion {
  readonly blob: string;
  /** ETag of the blob when it was announced, without quotes. */
  readonly etag: string;
  /**
   * The snapshot that the job reads. Absent until the manifest is split, and on jobs of earlier versions, which read the blob
   * while it has the ETag.
   */
  readonly snapshot?: string;
}

/** The first sheet of a workbook as CSV: a blob of the container `reports`, which is deleted when manifests are. */
export interface TableVersion {
  readonly blob: string;
  /** Without quotes. */
  readonly etag: string;
}

/** Rows by outcome. A row that is in none of them waits (`waiting`). */
export interface RowCounts {
  readonly total: number;
  readonly provisioned: number;
  readonly unchanged: number;
  readonly rejected: number;
  readonly failed: number;
  /** Rows of chunks that were dropped because the job was cancelled. */
  readonly cancelled: number;
  /** Rows that a job would provision: only in a dry run. Rows that would be unchanged or refused count there as in a job. */
  readonly checked?: number;
}

export const noRows: RowCounts = { total: 0, provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0 };

export function waiting(counts: RowCounts): number {
  const { total, provisioned, unchanged, rejected, failed, cancelled, checked = 0 } = counts;
  return total - provisioned - unchanged - rejected - failed - cancelled - checked;
}

const finished: readonly JobStatus[] = ['completed', 'completedWithErrors', 'failed', 'cancelled', 'checked'];

export function isFinished(status: JobStatus): boolean {
  return finished.includes(status);
}

/** Whether rows of a retry are still in work. A retry that was counted before it was recorded leaves 0 or less. */
export function isRetrying({ retrying = 0 }: Pick<Job, 'retrying'>): boolean {
  return retrying > 0;
}

/**
 * The status of a job, from its counters and its retry. Every place that shows a job or decides by its end uses this: the
 * stored status is late when a worker dies between counting the last part and ending the job.
 */
export function currentStatus(job: Pick<Job, 'status' | 'counts' | 'retrying' | 'dryRun'>): JobStatus {
  const { status, counts } = job;
  // A dry run ends with its summary. Its last row is counted before that.
  if (job.dryRun === true) return status;
  if (counts.total === 0 || waiting(counts) > 0) return status;
  if (isRetrying(job)) return status === 'cancelled' ? 'cancelled' : 'provisioning';
  return finalStatus(counts);
}

/**
 * Whether the stored status is the final one and stays it until the job changes again: nothing is retried, and a worker that
 * died has not left a status behind that the counters contradict.
 */
export function isSettled(job: Pick<Job, 'status' | 'counts' | 'retrying'>): boolean {
  return isFinished(job.status) && !isRetrying(job) && currentStatus(job) === job.status;
}

/** When a job ended, ISO 8601, UTC. Where the end was not written, it is when the last part was counted. */
export function endedAt(job: Job): string | undefined {
  if (!isFinished(currentStatus(job)) || isRetrying(job)) return undefined;
  return job.finishedAt ?? (waiting(job.counts) === 0 ? job.lastPartAt : undefined);
}

/** How a job ends once no row waits. */
export function finalStatus(counts: RowCounts): JobStatus {
  if (counts.cancelled > 0) return 'cancelled';
  return counts.rejected + counts.failed > 0 ? 'completedWithErrors' : 'completed';
}

/**
 * One counted part of a job: a chunk, or a chunk's individual enrollments. It is written in the same transaction as the
 * job's counters, so that its being there means that it was counted.
 */
export interface Part {
  /** `chunk-00012` or `chunk-00012-enrollments`, with `-retry-2` for a second attempt. */
  readonly part: string;
  readonly chunk: number;
  readonly outcome: Omit<RowCounts, 'total'>;
  /** Rows of a retry that this part counts again. */
  readonly retried?: number;
  /** Repairs to its rows. Only for a job that has `repairs`. */
  readonly repairs?: Repairs;
  readonly finishedAt: string;
  /** The chunk's place in the manifest, for a retry. */
  readonly range?: ChunkPlace;
  /** Blob in the container `reports` with the outcome of each row. */
  readonly report?: string;
}

/** Where a chunk's rows are. */
export interface ChunkPlace {
  readonly start: number;
  readonly end: number;
  readonly firstLine: number;
  readonly rows: number;
}

export function partName(chunk: number, attempt: number, kind: 'rows' | 'enrollments' = 'rows'): string {
  const retry = attempt > 1 ? `-retry-${attempt}` : '';
  return `chunk-${String(chunk).padStart(5, '0')}${kind === 'enrollments' ? '-enrollments' : ''}${retry}`;
}

/** @returns the blob of container `bundles` that holds the bundles of one part */
export function archiveName(jobId: string, part: string): string {
  return `${jobId}/${part}.zip`;
}

/** @returns the blob of container `reports` that holds the outcome of each row of one part */
export function reportName(jobId: string, part: string): string {
  return `${jobId}/${part}.json`;
}

/** @returns the blob of container `reports` that holds the table of a workbook */
export function tableName(jobId: string): string {
  return `${jobId}/table.csv`;
}

/** @returns the attempt that a part's name carries, from 1 */
export function partAttempt(part: string): number {
  return Number(/-retry-(\d+)$/.exec(part)?.[1] ?? 1);
}

/**
 * The id of the job of a manifest: a digest of the blob's name and its ETag, 24 hex digits. Event Grid may announce one upload
 * twice, and an upload over the same name is another manifest, so name and ETag are the identity. The uploader and the event
 * both know them, and so know the job without asking. 96 bits: no two manifests will meet.
 */
export function jobIdOf({ blob, etag }: { blob: string; etag: string }): string {
  return createHash('sha256').update(`${blob}\n${etag}`).digest('hex').slice(0, 24);
}

/**
 * Jobs and their counted parts. Adapter: lib/azure/cosmos-jobs.ts.
 * Every method throws FleetError `throttled` or `unavailable`; a write may have taken effect then.
 */
export interface JobStore {
  /** Creates a job. @returns false when it exists already. This and each change add the events that it owes (job-events.ts). */
  create(job: Job): Promise<boolean>;
  /** @returns undefined when there is no such job */
  read(jobId: string): Promise<Job | undefined>;
  /** Reads a job and one of its parts at once. Either is absent when it is not there. */
  readWithPart(jobId: string, part: string): Promise<{ job?: Job; part?: Part }>;
  /**
   * Changes a job if its status is one of `from`.
   * @returns the job as it is afterwards, changed or not; undefined when there is no such job
   * @throws FleetError `concurrent-change` when the job changes faster than it can be written
   */
  update(jobId: string, from: readonly JobStatus[], change: JobChange): Promise<Job | undefined>;
  /** Reads a job with its version, for `updateVersion`. */
  readVersion(jobId: string): Promise<Versioned<Job> | undefined>;
  /**
   * Changes the version of a job that was read.
   * @returns the job as it is afterwards; undefined when it changed or was deleted since it was read
   */
  updateVersion(read: Versioned<Job>, change: JobChange): Promise<Job | undefined>;
  /**
   * Stores a part, adds its outcome and repairs to the job's counters and takes its retried rows off `retrying`, in one
   * transaction. A part that is stored already changes
   * nothing.
   * @returns the job as it is afterwards
   * @throws FleetError `concurrent-change` when the counters change faster than they can be written
   */
  count(jobId: string, part: Part): Promise<Job>;
  /**
   * Stores the serial numbers that a part fixes for its new devices. A device that has one keeps it.
   * @throws FleetError `concurrent-change` when they change faster than they can be written
   */
  claim(jobId: string, part: string, serialNumbers: SerialNumbers): Promise<PartClaims>;
  /** The serial numbers that are stored for a part. @returns undefined when there are none */
  claimed(jobId: string, part: string): Promise<SerialNumbers | undefined>;
  /** The parts of a job, by name, ascending: all, or those from the name given on. */
  parts(jobId: string, from?: string): AsyncIterable<Part>;
  /**
   * Jobs that match every member of the filter, by `receivedAt`, newest first. A page can be shorter than its size, and empty
   * before the last one.
   */
  list(page: PageRequest & JobFilter): Promise<Page<Job>>;
  /**
   * Deletes jobs that ended before a time (ISO 8601, UTC, with milliseconds), with their parts and claims. A job of which this
   * has begun is not there any more for any other method; one that was cut short is done by the next call.
   * @param limit jobs, at most
   * @returns how many it deleted
   */
  removeEnded(before: string, limit: number): Promise<number>;
  /** Jobs that are not settled (`isSettled`), by `receivedAt`, newest first. It can have some that are. */
  unsettled(page: PageRequest): Promise<Page<Job>>;
  /** Counts the jobs that were received since a time, and all that are not settled (`isSettled`). In no order, and no zeros. */
  countByStatus(since: string): Promise<Measured<JobCount[]>>;
}

/** Serial numbers of certificates that are not issued yet, hex, by device id. */
export type SerialNumbers = ReadonlyMap<string, string>;

export interface PartClaims {
  /** All that are stored for the part. */
  readonly serialNumbers: SerialNumbers;
  /** Some were stored before, so another delivery of the part may have committed an archive. */
  readonly hasPriorClaims: boolean;
}

export interface JobFilter {
  /** The current status (`currentStatus`) is one of these. */
  readonly status?: readonly JobStatus[] | undefined;
  readonly source?: JobSource | undefined;
  /** Received at this time or later: ISO 8601, UTC, with milliseconds, as in `receivedAt`. */
  readonly since?: string | undefined;
  /** Received before this time, in the same form. */
  readonly until?: string | undefined;
}

/** Jobs that have one status, were received in one hour, and have one limit to enrollment groups. */
export interface JobCount {
  /** See `currentStatus`. */
  readonly status: JobStatus;
  /** `2026-11-27T18`, UTC. */
  readonly hour: string;
  /** See `Job.allowedGroups`; sorted. */
  readonly allowedGroups?: readonly string[];
  /** 1 or more. */
  readonly jobs: number;
}

export type JobChange = Partial<
  Pick<
    Job,
    | 'status'
    | 'reason'
    | 'manifest'
    | 'table'
    | 'shape'
    | 'repairs'
    | 'chunkRows'
    | 'chunks'
    | 'startedAt'
    | 'dispatchedAt'
    | 'finishedAt'
    | 'submittedBy'
    | 'cancelledBy'
    | 'retries'
    | 'retrying'
    | 'check'
    | 'reasons'
  >
> & { readonly total?: number };

/** @returns the job with the change made */
export function changedJob(job: Job, { total, ...members }: JobChange): Job {
  const counts = total === undefined ? job.counts : { ...job.counts, total };
  return { ...job, ...members, counts };
}
