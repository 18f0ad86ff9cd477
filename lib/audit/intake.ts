import type { BlobStore } from '../storage.ts';
import type { Audit } from './audit.ts';
import { readCursor } from './cursor.ts';
import { type AuditEntry, encodeEntry } from './entry.ts';
import { segmentName } from './segments.ts';

/*
 * The intake: entries in the order in which the storage took them, one per line, in append blobs. Any number of instances
 * append to it without a lock. The sequencer turns it into the log: the log is a function of the intake, so doing a part of
 * it twice gives the same bytes.
 */

/** Blobs that only grow. Adapter: lib/azure/append-blobs.ts. */
export interface AppendBlobs {
  /**
   * Appends a block, and makes the blob first if there is none. A repeated request can append the block twice.
   * @returns false when the blob has all the blocks that it can have. It then stays so.
   * @throws FleetError `unavailable`, `throttled`
   */
  append(name: string, block: Uint8Array): Promise<boolean>;
}

export interface AuditOptions {
  readonly segments: AppendBlobs;
  /** Container of the checkpoint, which knows a segment from which to look for the one that takes entries. */
  readonly head: BlobStore;
  readonly now: () => Date;
  readonly newId: () => string;
}

/** Writes entries to the intake: one storage operation each. */
export function createAudit({ segments, head, now, newId }: AuditOptions): Audit {
  let current: number | undefined;

  async function append(entry: AuditEntry): Promise<void> {
    const line = Buffer.concat([encodeEntry(entry), Buffer.from('\n')]);
    let segment = current ?? (await readCursor(head)).segment;
    while (!(await segments.append(segmentName(segment), line))) segment += 1;
    current = Math.max(segment, current ?? 0);
  }

  return {
    async intent(act) {
      const id = newId();
      await append({ v: 1, id, phase: 'intent', at: now().toISOString(), ...act });
      return { id, act };
    },
    async result({ id, act: { action, by, subject, trace } }, outcome) {
      await append({ v: 1, id, phase: 'result', at: now().toISOString(), action, by, subject, trace, ...outcome });
    },
  };
}
