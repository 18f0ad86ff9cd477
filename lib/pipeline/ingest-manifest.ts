import { FleetError } from '../errors.ts';
import { failUndispatched } from '../jobs/count-part.ts';
import { conflictPolicies, type Job, jobIdOf, noRows } from '../jobs/job.ts';
import { manifestDefaults, manifestGone } from '../manifest/manifest.ts';
import { splitManifest } from '../manifest/splitter.ts';
import type { BlobCreated } from '../manifest/upload-event.ts';
import type { BlobProperties, BlobStore } from '../storage.ts';
import { step } from '../telemetry.ts';
import type { Ports } from './ports.ts';

export type IngestPorts = Pick<Ports, 'jobs' | 'manifests' | 'chunkQueue' | 'chunkRows' | 'now'>;

/**
 * Turns an uploaded manifest into a job and its chunks. The blob is read once, as the version that was announced. Where
 * chunks begin follows from its bytes and the job's rows per chunk, so a second delivery sends the same messages again,
 * which is harmless.
 * @throws FleetError `manifest-format` for a blob name that is not a manifest's: it makes no job and becomes a dead letter
 */
export async function ingestManifest(event: BlobCreated, ports: IngestPorts): Promise<void> {
  const { jobs, manifests, now } = ports;
  const jobId = jobIdOf({ blob: event.blobName, etag: event.etag });
  const at = now().toISOString();
  const known = await jobs.read(jobId);
  if (known === undefined) await jobs.create(await newJob(event, manifests, at));
  try {
    const startedAt = known?.startedAt ?? at;
    const job = await jobs.update(jobId, ['received', 'splitting'], { status: 'splitting', startedAt });
    // The status does not tell: a job that was cancelled while its messages were sent needs the rest of them, to drop them.
    if (job === undefined || job.finishedAt !== undefined || job.dispatchedAt !== undefined) return;
    await dispatch(job, ports);
  } catch (error) {
    if (!(error instanceof FleetError) || error.retry) throw error;
    await failUndispatched(jobId, error.reason, { jobs, now });
  }
}

/** Splits the manifest and sends one message per chunk. */
async function dispatch(job: Job, ports: IngestPorts): Promise<void> {
  const { jobs, manifests, chunkQueue, now } = ports;
  // A setting that changes between two deliveries must not move the chunks of a job that is half sent.
  const { jobId, format, manifest, chunkRows = ports.chunkRows } = job;
  const source = await manifests.open(manifest.blob, { etag: manifest.etag });
  if (source === undefined) throw manifestGone(manifest.blob);
  const { shape, chunks, rows, repairs } = await step('split', { jobId }, () =>
    splitManifest(source, { format, chunkRows }),
  );
  // Totals first: a chunk may be done before the last message is sent, and it is counted against them.
  const change = { status: 'provisioning', shape, repairs, chunkRows, chunks: chunks.length, total: rows } as const;
  const current = await jobs.update(jobId, ['splitting'], change);
  // The job was cancelled while it was split: no row was counted, and none may come.
  if (current === undefined || current.counts.total === 0) return;
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
 * A job as it is first recorded; the same from an event, an upload or an order. Two keys of the blob's metadata count, set by
 * this app or by any other uploader: `onconflict`, a ConflictPolicy (anything else means `reject`), and `orderid`, as
 * base64url of its UTF-8, since metadata is ASCII.
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
  return {
    jobId: jobIdOf({ blob, etag }),
    source: order !== undefined ? 'order' : blob.startsWith('_http/') || blob.includes('/_http/') ? 'http' : 'blob',
    name: order === undefined ? blob : Buffer.from(order, 'base64url').toString('utf8'),
    manifest: { blob, etag },
    format,
    ...(defaultGroup === undefined ? {} : { defaultGroup }),
    onConflict: conflictPolicies.find((policy) => policy === metadata['onconflict']) ?? 'reject',
    status: 'received',
    chunks: 0,
    counts: noRows,
    receivedAt: at,
  };
}
