import { createHash } from 'node:crypto';
import { unknownActor } from '../access/act.ts';
import { digested } from '../byte-stream.ts';
import { FleetError } from '../errors.ts';
import type { Job } from '../jobs/job.ts';
import { canonicalJson } from '../json.ts';
import { submittedName } from '../manifest/submitted-name.ts';
import type { BlobStore } from '../storage.ts';
import type { Ports } from './ports.ts';
import { type Submission, submitManifest } from './submit-manifest.ts';

type SubmissionPorts = Parameters<typeof submitManifest>[1] & Pick<Ports, 'reports'>;

/**
 * Submits a manifest under a key of the caller's: the same request with the same key is the same job, however often it is sent
 * and wherever an earlier try ended. The key names the blob, and blob and ETag name the job, so no two lines can leave two jobs.
 * A key counts while its manifest is kept.
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header
 * @param key from the header Idempotency-Key, unique among the keys of one caller
 * @throws FleetError `idempotency-key-reused` when the key came with another list or other parameters; and what
 * `submitManifest` throws
 */
export async function submitOnce(
  key: string,
  submission: Submission,
  ports: SubmissionPorts,
  by: string = unknownActor,
): Promise<Job> {
  const name = nameOf(key, by);
  const manifests = keepingContent(ports.manifests, () => reserve(name, submission, ports.reports));
  return submitManifest(submission, { ...ports, newId: () => name, manifests }, by);
}

/** Whether a list was stored under the key. @param by the caller, whose key it is */
export async function wasSubmitted(
  key: string,
  submission: Submission,
  { manifests }: Pick<Ports, 'manifests'>,
  by: string,
): Promise<boolean> {
  return (await manifests.properties(submittedName('_http', submission, nameOf(key, by)))) !== undefined;
}

function nameOf(key: string, by: string): string {
  return createHash('sha256').update(`${by}\n${key}`).digest('hex').slice(0, 32);
}

/**
 * Keeps the parameters that a key came with first. They decide the name and metadata of the blob, so other parameters with
 * the same key would make another job.
 */
async function reserve(name: string, submission: Submission, reports: BlobStore): Promise<void> {
  const { body: _, ...given } = submission;
  // A flag that is false means the same as one that was not sent.
  const parameters = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== false));
  const blob = `_requests/${name}.json`;
  const written = Buffer.from(canonicalJson(parameters));
  if ((await reports.create(blob, written, { contentType: 'application/json' })) !== undefined) return;
  const first = await reports.read(blob);
  // Deleted since the line above: then there is nothing to differ from.
  if (first !== undefined && !first.equals(written)) throw reused('parameters');
}

/**
 * The store, where a name that is taken must hold the same bytes.
 * @param reserve runs before a blob is written, so that a request that is refused before that does not use up its key
 */
function keepingContent(manifests: BlobStore, reserve: () => Promise<void>): BlobStore {
  return {
    ...manifests,
    async createFrom(name, body, options) {
      await reserve();
      const sent = createHash('sha256');
      const bytes = digested(body, sent);
      const created = await manifests.createFrom(name, bytes, options);
      if (created !== undefined) return created;
      // The store may have stopped reading.
      for await (const _ of bytes);
      const stored = createHash('sha256');
      for await (const part of (await manifests.open(name, {})) ?? []) stored.update(part);
      if (sent.digest('hex') !== stored.digest('hex')) throw reused('list');
      return undefined;
    },
  };
}

function reused(other: 'list' | 'parameters'): FleetError {
  const what = other === 'list' ? 'another list' : 'other parameters';
  const message = `The Idempotency-Key was used before, with ${what}. Send this request with a new key.`;
  return new FleetError('idempotency-key-reused', message, { column: 'idempotency-key' });
}
