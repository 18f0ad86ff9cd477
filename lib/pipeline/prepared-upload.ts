import { unknownActor } from '../access/act.ts';
import { FleetError } from '../errors.ts';
import { type ConflictPolicy, jobIdOf } from '../jobs/job.ts';
import { writeMetadata } from '../jobs/manifest-metadata.ts';
import type { ManifestFormat } from '../manifest/formats.ts';
import { readSubmittedName, submittedName } from '../manifest/submitted-name.ts';
import type { BlobStore } from '../storage.ts';
import { requireKnownGroup } from './known-group.ts';
import { isWithinLimit, requireGroup } from './limit-to-groups.ts';
import type { Ports } from './ports.ts';

/*
 * An upload that is announced over HTTP and sent to the storage. The caller gets the address of one blob that does not exist yet,
 * and may create it for some minutes. So a list of any size reaches the pipeline without passing through the Functions host, from a
 * caller that has no role at the storage account.
 *
 * What the caller may do, and what the list is submitted with, is kept before the address is given out. It counts instead of the
 * metadata of the blob, which whoever has the address can set.
 */

/** What is kept of an upload that was announced. */
export interface PreparedUpload {
  readonly id: string;
  /** Where the list is expected, in the container `manifests`. */
  readonly blob: string;
  readonly onConflict: ConflictPolicy;
  readonly adopt?: boolean | undefined;
  /** True: the job is a dry run. */
  readonly dryRun?: boolean | undefined;
  /** The digest of the check that has to hold. */
  readonly check?: string | undefined;
  readonly allowedGroups?: readonly string[] | undefined;
  readonly by: string;
  readonly at: string;
  /** ISO 8601. The blob can be created until then. */
  readonly expiresAt: string;
}

export interface UploadRequest extends Pick<PreparedUpload, 'onConflict' | 'adopt' | 'dryRun' | 'check'> {
  readonly format: ManifestFormat;
  readonly defaultGroup?: string | undefined;
}

type UploadPorts = Pick<Ports, 'groups' | 'reports' | 'allowedGroups' | 'now' | 'newId'>;

/** Long enough to begin an upload by hand. A transfer that has begun may take longer. */
const minutesValid = 15;

/**
 * Keeps what an upload will be submitted with.
 * @throws FleetError `forbidden` when the caller may not use the group, `not-found` when it is not declared, `throttled`, `unavailable`
 */
export async function prepareUpload(
  { format, defaultGroup, ...given }: UploadRequest,
  { groups, reports, allowedGroups, now, newId }: UploadPorts,
  by: string = unknownActor,
): Promise<PreparedUpload> {
  if (defaultGroup !== undefined) {
    requireGroup(defaultGroup, allowedGroups);
    await requireKnownGroup(defaultGroup, groups, 'not-found');
  }
  const id = newId();
  const at = now();
  const expiresAt = new Date(at.getTime() + minutesValid * 60_000).toISOString();
  const blob = submittedName('_upload', { defaultGroup, format }, id);
  const upload = { ...given, ...{ id, blob, by, at: at.toISOString(), expiresAt, allowedGroups } };
  const written = Buffer.from(JSON.stringify(upload));
  await reports.create(recordName(id), written, { contentType: 'application/json' });
  return upload;
}

export interface UploadState {
  readonly upload: PreparedUpload;
  /** `received`: the list is stored, and has no job yet. */
  readonly status: 'waiting' | 'received' | 'submitted' | 'expired';
  /** Of a list that was submitted. */
  readonly jobId?: string;
}

/**
 * What became of an upload.
 * @throws FleetError `not-found` when there is none, `forbidden` when it may have rows of groups that the caller has no role for
 */
export async function readUploadState(
  id: string,
  {
    manifests,
    reports,
    jobs,
    allowedGroups,
    now,
  }: Pick<Ports, 'manifests' | 'reports' | 'jobs' | 'allowedGroups' | 'now'>,
): Promise<UploadState> {
  const upload = await readPrepared(id, reports);
  if (upload === undefined) throw new FleetError('not-found', `There is no upload "${id}".`);
  if (allowedGroups !== undefined && !isWithinLimit(upload, allowedGroups)) {
    const message = `Upload ${id} can have rows of enrollment groups for which the caller has no role.`;
    throw new FleetError('forbidden', message);
  }
  const stored = await manifests.properties(upload.blob);
  if (stored === undefined) return { upload, status: upload.expiresAt > now().toISOString() ? 'waiting' : 'expired' };
  const jobId = jobIdOf({ blob: upload.blob, etag: stored.etag });
  return (await jobs.read(jobId)) === undefined
    ? { upload, status: 'received' }
    : { upload, status: 'submitted', jobId };
}

/** The upload that a blob was announced by. @returns undefined when it came another way */
export async function preparedUploadOf(blob: string, reports: BlobStore): Promise<PreparedUpload | undefined> {
  const name = readSubmittedName(blob);
  const found = name?.folder === '_upload' ? await readPrepared(name.id, reports) : undefined;
  return found?.blob === blob ? found : undefined;
}

/** What the blob of an upload counts as having for metadata. */
export function metadataOfUpload(upload: PreparedUpload): Record<string, string> {
  const { onConflict, adopt, dryRun, check, allowedGroups } = upload;
  return writeMetadata({ onConflict, adopt, dryRun, check, allowedGroups });
}

async function readPrepared(id: string, reports: BlobStore): Promise<PreparedUpload | undefined> {
  const found = await reports.read(recordName(id));
  return found === undefined ? undefined : (JSON.parse(found.toString('utf8')) as PreparedUpload);
}

function recordName(id: string): string {
  return `_uploads/${id}.json`;
}
