import { createHash } from 'node:crypto';
import { digested } from '../byte-stream.ts';
import { excerpt, FleetError } from '../errors.ts';
import { failUndispatched } from '../jobs/count-part.ts';
import {
  type Job,
  type JobStore,
  jobIdOf,
  jobStatuses,
  type ManifestVersion,
  noRows,
  type TableVersion,
} from '../jobs/job.ts';
import { readMetadata } from '../jobs/manifest-metadata.ts';
import { currentLog } from '../log.ts';
import { formatOfName, requireFormat } from '../manifest/formats.ts';
import { type ChunkRange, folderGroup, manifestGone } from '../manifest/manifest.ts';
import { type SplitManifest, splitManifest } from '../manifest/splitter.ts';
import { readSubmittedName } from '../manifest/submitted-name.ts';
import type { BlobCreated } from '../manifest/upload-event.ts';
import type { BlobProperties, BlobStore } from '../storage.ts';
import { step } from '../telemetry.ts';
import { type CheckJobPorts, refuseLargeCheck, requireSameCheck, runDryRun } from './check-job.ts';
import { refuseLookalike } from './known-group.ts';
import type { Ports } from './ports.ts';
import { metadataOfUpload, preparedUploadOf } from './prepared-upload.ts';
import type { ProvisionPorts } from './provision-chunk.ts';
import type { ProvisionSmall } from './small-jobs.ts';
import { clashesOf } from './steps/read.ts';
import { ofSheet, storeTable } from './workbook-table.ts';

export type IngestPorts = CheckJobPorts &
  ProvisionPorts &
  Pick<Ports, 'chunkQueue' | 'chunkRows'> & {
    /** For chunks that need not wait on their queue. */
    readonly provisionSmall: ProvisionSmall;
  };

/**
 * Turns an uploaded manifest into a job and its chunks. First takes a snapshot of the version that was announced: all rows
 * are read from it, so that the job does not change when the blob is overwritten. Where chunks begin follows from its bytes
 * and the job's rows per chunk, so a second delivery sends the same messages again, which is harmless.
 *
 * Every blob gets an answer: one that is not a manifest is a failed job. An empty one is not announced as a manifest: some
 * tools create a file before they write it, and the event of the empty file can come last.
 */
export async function ingestManifest(event: BlobCreated, ports: IngestPorts): Promise<void> {
  const { jobs, manifests, groups, now } = ports;
  if (event.bytes === 0) {
    currentLog().info('empty blob', { blob: excerpt(event.blobName) });
    return;
  }
  const jobId = jobIdOf({ blob: event.blobName, etag: event.etag });
  const at = now().toISOString();
  const known = await jobs.read(jobId);
  const job = known ?? (await newJob(event, ports, at));
  if (known === undefined) await jobs.create(job);
  if (job.finishedAt !== undefined || job.dispatchedAt !== undefined) return;
  try {
    const isNew = job.startedAt === undefined;
    if (isNew && job.defaultGroup !== undefined) await refuseLookalike(job.defaultGroup, groups);
    const startedAt = job.startedAt ?? at;
    const manifest = await withSnapshot(job.manifest, manifests);
    const begun = await jobs.update(jobId, ['received', 'splitting'], { status: 'splitting', startedAt, manifest });
    // The status does not tell: a job that was cancelled while its messages were sent needs the rest of them, to drop them.
    if (begun === undefined || begun.finishedAt !== undefined || begun.dispatchedAt !== undefined) return;
    await begin(begun, ports);
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

/** Splits the manifest. Then provisions the chunks or sends one message for each; in a dry run, checks all of them. */
async function begin(job: Job, ports: IngestPorts): Promise<void> {
  const { jobs } = ports;
  // A setting that changes between two deliveries must not move the chunks of a job that is half sent.
  const { jobId, chunkRows = ports.chunkRows, dryRun = false, expectedCheck } = job;
  const digest = createHash('sha256');
  const isChecked = dryRun || expectedCheck !== undefined;
  const pass = (source: AsyncIterable<Uint8Array>) => (isChecked ? digested(source, digest) : source);
  const found = await step('split', { jobId }, () => split(job, chunkRows, pass, ports));
  const { chunks, rows, repairs, table } = found;
  const list = { chunks, rows, sha256: digest.digest('hex') };
  if (isChecked) refuseLargeCheck(rows);
  const readable = { ...job, ...(table && { table }) };
  const clashes = await step('compare ids', { jobId }, () => clashesOf(readable, found, ports));
  const shape = clashes === undefined ? found.shape : { ...found.shape, clashes };
  // A job that was split before has passed its check: its own claims may be what differs now.
  if (!dryRun && job.chunks === 0) await requireSameCheck({ ...readable, shape, repairs }, list, ports);
  // Totals first: a chunk may be done before the last message is sent, and it is counted against them.
  const change = {
    status: dryRun ? 'checking' : 'provisioning',
    shape,
    ...(table !== undefined && { table }),
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

/** Provisions the chunks of a small job here. Sends one message for each other chunk. */
async function dispatch(jobId: string, chunks: readonly ChunkRange[], ports: IngestPorts): Promise<void> {
  const { jobs, chunkQueue, provisionSmall, now } = ports;
  const messages = chunks.map((range) => ({ jobId, ...range, attempt: 1 }));
  const waiting = await provisionSmall(messages, ports);
  if (waiting.length > 0) await chunkQueue.send(waiting);
  await jobs.update(jobId, ['provisioning', 'completed', 'completedWithErrors', 'cancelled'], {
    dispatchedAt: now().toISOString(),
  });
}

type Split = SplitManifest & { readonly table?: TableVersion };

/**
 * Finds the chunks of a manifest; of a workbook, in its table.
 * @param pass sees the bytes of the rows
 */
async function split(
  job: Job,
  chunkRows: number,
  pass: (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
  ports: IngestPorts,
): Promise<Split> {
  const { jobId, manifest, format = requireFormat(manifest.blob) } = job;
  if (format !== 'xlsx') {
    const { blob, ...version } = manifest;
    const source = await ports.manifests.open(blob, version);
    if (source === undefined) throw manifestGone(blob);
    return splitManifest(pass(source), { format, chunkRows });
  }
  const { table, source, sheet, repairs } = await storeTable({ jobId, manifest }, ports);
  try {
    const found = await splitManifest(pass(source), { format: 'csv', sheet, chunkRows });
    return { ...found, table, repairs: { ...repairs, ...found.repairs } };
  } catch (error) {
    throw error instanceof FleetError ? ofSheet(error, { sheet, repairs }) : error;
  }
}

async function newJob(
  { blobName: blob, etag }: BlobCreated,
  { manifests, reports }: Pick<IngestPorts, 'manifests' | 'reports'>,
  at: string,
): Promise<Job> {
  const upload = await preparedUploadOf(blob, reports);
  if (upload !== undefined) {
    const submittedBy = { by: upload.by, at: upload.at };
    return { ...describeJob({ blob, etag, metadata: metadataOfUpload(upload), at }), submittedBy };
  }
  const properties = await manifests.properties(blob);
  return describeJob({ blob, etag, metadata: properties?.metadata ?? {}, at });
}

/**
 * Creates the job of a submission. Its event can come first and create the job; then the job gets the name of its submitter.
 * The name is not taken from the metadata of the blob, which anyone who may write to the container can set.
 * @returns the job as it is now: a repeated submission finds it begun, or done
 */
export async function createSubmitted(job: Job, jobs: JobStore): Promise<Job> {
  if (await jobs.create(job)) return job;
  const found = await jobs.read(job.jobId);
  if (found === undefined) return job;
  if (found.submittedBy !== undefined) return found;
  return (await jobs.update(job.jobId, jobStatuses, { submittedBy: job.submittedBy })) ?? found;
}

/**
 * A job as it is first recorded; the same from an event, an upload or an order. A blob whose name gives no format, or whose
 * metadata says what is not known, is a failed job.
 */
export function describeJob(manifest: {
  blob: string;
  etag: string;
  metadata: BlobProperties['metadata'];
  at: string;
}): Job {
  const { blob, etag, metadata, at } = manifest;
  const read = readMetadata(metadata);
  const { onConflict = 'reject', adopt, orderId, reference, allowedGroups, dryRun = false, check, refusal } = read;
  const format = formatOfName(blob);
  const defaultGroup = folderGroup(blob);
  const reason = (format === undefined ? formatRefusal(blob) : refusal)?.reason;
  return {
    jobId: jobIdOf({ blob, etag }),
    source: orderId !== undefined ? 'order' : readSubmittedName(blob) === undefined ? 'blob' : 'http',
    name: orderId ?? blob,
    manifest: { blob, etag },
    ...(format === undefined ? {} : { format }),
    ...(defaultGroup === undefined ? {} : { defaultGroup }),
    onConflict,
    ...(adopt && { adopt }),
    ...(reference === undefined ? {} : { reference }),
    ...(allowedGroups === undefined ? {} : { allowedGroups }),
    ...(dryRun && { dryRun }),
    ...(check === undefined ? {} : { expectedCheck: check }),
    status: 'received',
    chunks: 0,
    counts: dryRun ? { ...noRows, checked: 0 } : noRows,
    receivedAt: at,
    ...(reason === undefined ? {} : { status: 'failed', reason, finishedAt: at }),
  };
}

/** Why a name gives no format. */
function formatRefusal(blob: string): FleetError | undefined {
  try {
    requireFormat(blob);
    return undefined;
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
}
