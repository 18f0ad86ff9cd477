import type { Page } from '../stored.ts';
import type { Job, JobStatus, Part } from './job.ts';

/** Jobs and their counted parts. Adapters: lib/azure/cosmos-jobs.ts. */
export interface JobStore {
  /** @returns false when the job exists already */
  create(job: Job): Promise<boolean>;
  read(jobId: string): Promise<Job | undefined>;
  /** The job and one of its parts, in one look. */
  readWithPart(jobId: string, part: string): Promise<{ job?: Job; part?: Part }>;
  /** Sets what is given, if the job has one of the statuses `from`. @returns the job as it is afterwards */
  update(jobId: string, from: readonly JobStatus[], change: JobChange): Promise<Job | undefined>;
  /**
   * Writes the part and adds its outcome to the job's counters, both or neither, and once: a part that is there already
   * changes nothing. @returns the job as it is afterwards
   */
  count(jobId: string, part: Part): Promise<Job>;
  /** In order of part name, all of them. */
  parts(jobId: string): AsyncIterable<Part>;
  /** Newest first. */
  list(page: { size: number; continuation?: string }): Promise<Page<Job>>;
}

export type JobChange = Partial<
  Pick<Job, 'status' | 'reason' | 'shape' | 'chunkRows' | 'chunks' | 'startedAt' | 'dispatchedAt' | 'finishedAt'>
> & { readonly total?: number };
