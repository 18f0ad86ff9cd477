import { FleetError } from '../errors.ts';
import type { ConflictPolicy, Job, JobStore } from '../jobs/job.ts';
import type { ManifestFormat } from '../manifest/manifest.ts';
import type { BlobStore } from '../storage.ts';
import { describeJob } from './ingest-manifest.ts';

export interface SubmitServices {
  readonly jobs: JobStore;
  readonly manifests: BlobStore;
  readonly now: () => Date;
  readonly newId: () => string;
}

export interface Submission {
  readonly body: Uint8Array;
  readonly format: ManifestFormat;
  readonly defaultGroup?: string;
  readonly onConflict: ConflictPolicy;
}

/**
 * Stores an HTTP upload as a manifest and answers with its job. From here it goes the way of every upload: its
 * BlobCreated event starts the work, so nothing is lost if we stop between the two writes.
 */
export async function submitManifest(
  submission: Submission,
  { jobs, manifests, now, newId }: SubmitServices,
): Promise<Job> {
  const { body, format, defaultGroup, onConflict } = submission;
  const folder = defaultGroup === undefined ? '_http' : `${defaultGroup}/_http`;
  const blob = `${folder}/${newId()}.${format}`;
  const metadata = { onconflict: onConflict };
  const contentType = format === 'csv' ? 'text/csv' : 'application/x-ndjson';
  const created = await manifests.create(blob, body, { contentType, metadata });
  // Nobody else has this name: where it is taken, a try of ours was done whose answer was lost.
  const etag = created ?? (await manifests.properties(blob))?.etag;
  if (etag === undefined) throw new FleetError('unavailable', 'The upload vanished while it was stored.');
  const job = describeJob({ blob, etag, bytes: body.length, metadata, at: now().toISOString() });
  await jobs.create(job);
  return job;
}
