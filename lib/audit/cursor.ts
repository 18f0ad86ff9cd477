import type { BlobStore } from '../storage.ts';

/** Name of the blob with the latest checkpoint (C2SP tlog-tiles). */
export const checkpointName = 'checkpoint';

/** How much of the intake is in the log. Stored as metadata of the checkpoint, so that both change in one write. */
export interface Cursor {
  /** Segment of the intake, from 0. */
  readonly segment: number;
  /** Byte of the segment at which the next entry begins. */
  readonly offset: number;
  /** Entries in the log. */
  readonly size: number;
  /** Of the checkpoint; absent before the first. */
  readonly etag?: string | undefined;
}

/** @returns the beginning when there is no checkpoint yet */
export async function readCursor(head: BlobStore): Promise<Cursor> {
  const properties = await head.properties(checkpointName);
  const { segment, offset, size } = properties?.metadata ?? {};
  return {
    segment: Number(segment ?? 0),
    offset: Number(offset ?? 0),
    size: Number(size ?? 0),
    etag: properties?.etag,
  };
}

/** @returns the cursor as metadata of a blob */
export function cursorMetadata({ segment, offset, size }: Cursor): Record<string, string> {
  return { segment: String(segment), offset: String(offset), size: String(size) };
}
