import type { Job } from '../jobs/job.ts';
import { manifestGone } from '../manifest/manifest.ts';
import type { BlobStore } from '../storage.ts';

/** Where rows are read from: manifests, and the tables of workbooks. */
export interface RowStores<Method extends keyof BlobStore> {
  readonly manifests: Pick<BlobStore, Method>;
  readonly reports: Pick<BlobStore, Method>;
}

/**
 * Reads bytes of a job's rows, from the version of the manifest that the job was made of; for a workbook, from its table.
 * @param range bytes, as ChunkRange has them
 * @throws FleetError `manifest-gone` when that version is no longer there, `throttled`, `unavailable`
 */
export async function readRowBytes(
  { manifest, table }: Pick<Job, 'manifest' | 'table'>,
  range: { readonly offset: number; readonly length: number },
  { manifests, reports }: RowStores<'readRange'>,
): Promise<Buffer> {
  const { blob, ...version } = manifest;
  const bytes =
    table === undefined
      ? await manifests.readRange(blob, { ...range, ...version })
      : await reports.readRange(table.blob, { ...range, etag: table.etag });
  if (bytes === undefined) throw manifestGone(blob);
  return bytes;
}

/**
 * All rows of a job, as one stream; for a workbook, its table.
 * @throws FleetError as `readRowBytes`
 */
export async function openRows(
  { manifest, table }: Pick<Job, 'manifest' | 'table'>,
  { manifests, reports }: RowStores<'open'>,
): Promise<AsyncIterable<Uint8Array>> {
  const { blob, ...version } = manifest;
  const source =
    table === undefined ? await manifests.open(blob, version) : await reports.open(table.blob, { etag: table.etag });
  if (source === undefined) throw manifestGone(blob);
  return source;
}
