import { unknownActor } from '../access/act.ts';
import { FleetError } from '../errors.ts';
import type { ConflictPolicy, Job } from '../jobs/job.ts';
import { writeMetadata } from '../jobs/manifest-metadata.ts';
import { type ManifestFormat, mediaTypeOf } from '../manifest/formats.ts';
import { submittedName } from '../manifest/submitted-name.ts';
import { createSubmitted, describeJob } from './ingest-manifest.ts';
import { requireKnownGroup } from './known-group.ts';
import { requireGroup } from './limit-to-groups.ts';
import type { Ports } from './ports.ts';

export interface Submission {
  /** Read once, as a stream: an upload of any size uses the memory of some blocks. */
  readonly body: AsyncIterable<Uint8Array>;
  readonly format: ManifestFormat;
  readonly defaultGroup?: string;
  readonly onConflict: ConflictPolicy;
  /** Replace individual enrollments that this deployment did not write. */
  readonly adopt?: boolean | undefined;
  /** True: the job is a dry run (check-job.ts). */
  readonly dryRun?: boolean | undefined;
  /** The digest of the check on which the submitter relies. The job checks it again before it begins. */
  readonly check?: string | undefined;
}

export type SubmitPorts = Pick<Ports, 'jobs' | 'manifests' | 'groups' | 'allowedGroups' | 'now' | 'newId'>;

/**
 * Stores an HTTP upload as a manifest. From here on it takes the way of every upload: its BlobCreated event starts the work, so
 * nothing is lost if we stop between the two writes.
 * @param by who submits it; recorded on the job
 * @returns its job
 * @throws FleetError `forbidden` when the caller may not use the default group, `not-found` when it is not
 * declared, `throttled`, `unavailable`, and any error of `body`; nothing is stored then
 */
export async function submitManifest(
  submission: Submission,
  ports: SubmitPorts,
  by: string = unknownActor,
): Promise<Job> {
  const { jobs, manifests, groups, allowedGroups, now, newId } = ports;
  const { body, format, defaultGroup, onConflict, adopt, dryRun, check } = submission;
  if (defaultGroup !== undefined) {
    requireGroup(defaultGroup, allowedGroups);
    await requireKnownGroup(defaultGroup, groups, 'not-found');
  }
  const blob = submittedName('_http', submission, newId());
  // The job may be made from the blob alone, by its event. So all that limits it travels with the blob.
  const metadata = writeMetadata({ onConflict, adopt, dryRun, check, allowedGroups });
  const created = await manifests.createFrom(blob, body, { contentType: mediaTypeOf(format), metadata });
  // The name is ours alone. If it is taken, an earlier try of ours succeeded and its answer was lost.
  const etag = created ?? (await manifests.properties(blob))?.etag;
  if (etag === undefined) throw new FleetError('unavailable', 'The upload was deleted while it was stored.');
  const at = now().toISOString();
  const job = { ...describeJob({ blob, etag, metadata, at }), submittedBy: { by, at } };
  return createSubmitted(job, jobs);
}
