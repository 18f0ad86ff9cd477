import type { CheckSummary } from '../jobs/check.ts';
import type { Job } from '../jobs/job.ts';
import type { RenamedColumn } from '../manifest/manifest.ts';
import type { Repairs } from '../manifest/repairs.ts';
import type { SplitManifest } from '../manifest/splitter.ts';

/** What is checked: the bytes of the list, and what the sender says about all of its rows. */
export interface CheckedListOptions extends Pick<Job, 'format' | 'defaultGroup' | 'onConflict' | 'allowedGroups'> {
  /** SHA-256 of the bytes of the list, hex. */
  readonly sha256: string;
}

/** A list that is in memory, and how it is cut. */
export interface ListInMemory extends Omit<CheckedListOptions, 'sha256'> {
  readonly bytes: Buffer;
  readonly split: SplitManifest;
}

/** A list that was checked while the caller waited. */
export interface CheckedList extends CheckSummary {
  readonly rows: number;
  readonly repairs: Repairs;
  readonly renamedColumns?: readonly RenamedColumn[];
}

/**
 * Checks a list that is in memory. Nothing is written, and no other service than Cosmos DB is called.
 * @throws FleetError `throttled`, `unavailable`
 */
export type CheckList = (list: ListInMemory) => Promise<CheckedList>;
