import { createHash } from 'node:crypto';
import type { FailureReason } from '../errors.ts';
import type { ManifestFormat, ManifestShape } from '../manifest/manifest.ts';
import type { Repairs } from '../manifest/repairs.ts';
import type { Page, PageRequest } from '../storage.ts';

/**
 * `received`: known, not begun. `splitting`: row boundaries are being found. `provisioning`: chunks are in work.
 * `completed`: every row is provisioned or unchanged. `completedWithErrors`: some rows were rejected or failed.
 * `failed`: the manifest as a whole was refused. `cancelled`: stopped; chunks not begun were dropped.
 */
export type JobStatus =
  | 'received'
  | 'splitting'
  | 'provisioning'
  | 'completed'
  | 'completedWithErrors'
  | 'failed'
  | 'cancelled';

/**
 * What happens to a device that is provisioned already. `reject`: other content is refused. `replace`: other content
 * provisions it again. `reissue`: it is provisioned again in any case, for a certificate that ends or is to come from another
 * CA, or a bundle that was lost.
 */
export type ConflictPolicy = (typeof conflictPolicies)[number];
export const conflictPolicies = ['reject', 'replace', 'reissue'] as const;

/** One submitted manifest and everything that becomes of it. Times are ISO 8601, UTC. */
export interface Job {
  readonly jobId: string;
  readonly source: 'blob' | 'order' | 'http';
  /** The blob's name or the order's id. */
  readonly name: string;
  readonly manifest: { readonly blob: string; readonly etag: string };
  readonly format: ManifestFormat;
  readonly defaultGroup?: string;
  readonly onConflict: ConflictPolicy;
  readonly status: JobStatus;
  /** Why it failed. */
  readonly reason?: FailureReason;
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
}

export const noRows: RowCounts = { total: 0, provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0 };

export function waiting(counts: RowCounts): number {
  const { total, provisioned, unchanged, rejected, failed, cancelled } = counts;
  return total - provisioned - unchanged - rejected - failed - cancelled;
}

export function isFinished(status: JobStatus): boolean {
  return status === 'completed' || status === 'completedWithErrors' || status === 'failed' || status === 'cancelled';
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
  /** Creates a job. @returns false when it exists already */
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
  /**
   * Stores a part and adds its outcome and repairs to the job's counters, in one transaction. A part that is stored already changes
   * nothing.
   * @returns the job as it is afterwards
   * @throws FleetError `concurrent-change` when the counters change faster than they can be written
   */
  count(jobId: string, part: Part): Promise<Job>;
  /** All parts of a job, by name, ascending. */
  parts(jobId: string): AsyncIterable<Part>;
  /** Jobs by `receivedAt`, newest first. */
  list(page: PageRequest): Promise<Page<Job>>;
}

export type JobChange = Partial<
  Pick<
    Job,
    'status' | 'reason' | 'shape' | 'repairs' | 'chunkRows' | 'chunks' | 'startedAt' | 'dispatchedAt' | 'finishedAt'
  >
> & { readonly total?: number };
