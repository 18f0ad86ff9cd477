import { FleetError } from '../errors.ts';
import { failUndispatched } from '../jobs/count-part.ts';
import {
  conflictPolicies,
  type Job,
  type JobStore,
  jobIdOf,
  jobStatuses,
  type ManifestVersion,
  noRows,
} from '../jobs/job.ts';
import { type ChunkRange, manifestDefaults, manifestGone } from '../manifest/manifest.ts';
import { splitManifest } from '../manifest/splitter.ts';
import type { BlobCreated } from '../manifest/upload-event.ts';
import type { BlobProperties, BlobStore } from '../storage.ts';
import { step } from '../telemetry.ts';
import { type CheckJobPorts, digested, newDigest, refuseLargeCheck, requireSameCheck, runDryRun } from './check-job.ts';
import type { Ports } from './ports.ts';

export type IngestPorts = CheckJobPorts & Pick<Ports, 'chunkQueue' | 'chunkRows'>;

/**
 * Turns an uploaded manifest into a job and its chunks. First takes a snapshot of the version that was announced: all rows
 * are read from it, so that the job does not change when the blob is overwritten. Where chunks begin follows from its bytes
 * and the job's rows per chunk, so a second delivery sends the same messages again, which is harmless.
 * @throws FleetError `manifest-format` for a blob name that is not a manifest's: it makes no job and becomes a dead letter
 */
export async function ingestManifest(event: BlobCreated, ports: IngestPorts): Promise<void> {
  const { jobs, manifests, now } = ports;
  const jobId = jobIdOf({ blob: event.blobName, etag: event.etag });
  const at = now().toISOString();
  const known = await jobs.read(jobId);
  if (known === undefined) await jobs.create(await newJob(event, manifests, at));
  if (known?.finishedAt !== undefined || known?.dispatchedAt !== undefined) return;
  try {
    const startedAt = known?.startedAt ?? at;
    const manifest = await withSnapshot(known?.manifest ?? { blob: event.blobName, etag: event.etag }, manifests);
    const job = await jobs.update(jobId, ['received', 'splitting'], { status: 'splitting', startedAt, manifest });
    // The status does not tell: a job that was cancelled while its messages were sent needs the rest of them, to drop them.
    if (job === undefined || job.finishedAt !== undefined || job.dispatchedAt !== undefined) return;
    await begin(job, ports);
  } catch (error) {
    if (!(error instanceof FleetError) || error.retry) throw error;
    await failUndispatched(jobId, error.reason, { jobs, now });
  }
}

/**
 * Two deliveries at the same moment, or a crash before the id is stored, give a second snapshot with the same content.
 * @throws FleetError `manifest-gone` when the blob was deleted or replaced before a snapshot was taken
 */
async function withSnapshot(manifest: ManifestVersion, manifests: BlobStore): Promise<ManifestVersion> {
  if (manifest.snapshot !== undefined) return manifest;
  const { blob, etag } = manifest;
  const snapshot = await manifests.snapshot(blob, { etag });
  if (snapshot === undefined) throw manifestGone(blob);
  return { blob, etag, snapshot };
}

/** Splits the manifest. Then sends one message per chunk or, in a dry run, checks all chunks. */
async function begin(job: Job, ports: IngestPorts): Promise<void> {
  const { jobs, manifests } = ports;
  // A setting that changes between two deliveries must not move the chunks of a job that is half sent.
  const { jobId, format, manifest, chunkRows = ports.chunkRows, dryRun = false, expectedCheck } = job;
  const { blob, ...version } = manifest;
  const source = await manifests.open(blob, version);
  if (source === undefined) throw manifestGone(blob);
  const digest = newDigest();
  const isChecked = dryRun || expectedCheck !== undefined;
  const split = await step('split', { jobId }, () =>
    splitManifest(isChecked ? digested(source, digest) : source, { format, chunkRows }),
  );
  const { shape, chunks, rows, repairs } = split;
  const list = { chunks, rows, sha256: digest.digest('hex') };
  if (isChecked) refuseLargeCheck(rows);
  // A job that was split before has passed its check: its own claims may be what differs now.
  if (!dryRun && job.chunks === 0) await requireSameCheck({ ...job, shape, repairs }, list, ports);
  // Totals first: a chunk may be done before the last message is sent, and it is counted against them.
  const change = {
    status: dryRun ? 'checking' : 'provisioning',
    shape,
    chunkRows,
    chunks: chunks.length,
    total: rows,
    // Chunks that were counted before a redrive have added theirs.
    ...(job.repairs === undefined && { repairs }),
  } as const;
  const current = await jobs.update(jobId, ['splitting'], change);
  // The job was cancelled while it was split: no row was counted, and none may come.
  if (current === undefined || current.counts.total === 0) return;
  if (dryRun) await runDryRun(current, list, ports);
  else await dispatch(jobId, chunks, ports);
}

async function dispatch(jobId: string, chunks: readonly ChunkRange[], ports: IngestPorts): Promise<void> {
  const { jobs, chunkQueue, now } = ports;
  await chunkQueue.send(chunks.map((range) => ({ jobId, ...range, attempt: 1 })));
  await jobs.update(jobId, ['provisioning', 'completed', 'completedWithErrors', 'cancelled'], {
    dispatchedAt: now().toISOString(),
  });
}

async function newJob({ blobName, etag }: BlobCreated, manifests: BlobStore, at: string): Promise<Job> {
  const properties = await manifests.properties(blobName);
  return describeJob({ blob: blobName, etag, metadata: properties?.metadata ?? {}, at });
}

/**
 * Creates the job of a submission. Its event can come first and create the job; then the job gets the name of its submitter.
 * The name is not taken from the metadata of the blob, which anyone who may write to the container can set.
 */
export async function createSubmitted(job: Job, jobs: JobStore): Promise<void> {
  if (await jobs.create(job)) return;
  const found = await jobs.read(job.jobId);
  if (found === undefined || found.submittedBy !== undefined) return;
  await jobs.update(job.jobId, jobStatuses, { submittedBy: job.submittedBy });
}

/**
 * A job as it is first recorded; the same from an event, an upload or an order. Five keys of the blob's metadata count, set by
 * this app or by any other uploader: `onconflict`, a ConflictPolicy (anything else means `reject`), `orderid`, as base64url of
 * its UTF-8, since metadata is ASCII, `allowedgroups`, ids of enrollment groups with commas between (`allowedGroups`), `dryrun`
 * (`isDryRun`), and `check`, the digest of a check (`expectedCheck`).
 */
export function describeJob(manifest: {
  blob: string;
  etag: string;
  metadata: BlobProperties['metadata'];
  at: string;
}): Job {
  const { blob, etag, metadata, at } = manifest;
  const { format, defaultGroup } = manifestDefaults(blob);
  const order = metadata['orderid'];
  const allowedGroups = metadata['allowedgroups']?.split(',');
  const expectedCheck = metadata['check'];
  const dryRun = isDryRun(metadata['dryrun']);
  return {
    jobId: jobIdOf({ blob, etag }),
    source: order !== undefined ? 'order' : blob.startsWith('_http/') || blob.includes('/_http/') ? 'http' : 'blob',
    name: order === undefined ? blob : Buffer.from(order, 'base64url').toString('utf8'),
    manifest: { blob, etag },
    format,
    ...(defaultGroup === undefined ? {} : { defaultGroup }),
    onConflict: conflictPolicies.find((policy) => policy === metadata['onconflict']) ?? 'reject',
    ...(allowedGroups === undefined ? {} : { allowedGroups }),
    ...(dryRun && { dryRun }),
    ...(expectedCheck === undefined ? {} : { expectedCheck }),
    status: 'received',
    chunks: 0,
    counts: dryRun ? { ...noRows, checked: 0 } : noRows,
    receivedAt: at,
  };
}

/** Any value but `false` asks for a dry run: certificates must not be issued because of a misspelt word. */
function isDryRun(value = 'false'): boolean {
  return value.trim().toLowerCase() !== 'false';
}
