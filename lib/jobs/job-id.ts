import { createHash } from 'node:crypto';

/**
 * The id of the job that a manifest is: a digest of the blob's name and its ETag. Event Grid may announce one upload
 * twice, and an upload over the same name is another manifest; so name and ETag are the identity, and whoever knows
 * them (the uploader, the event) knows the job without asking. 24 hex digits are 96 bits: no two manifests will meet.
 */
export function jobIdOf({ blob, etag }: { blob: string; etag: string }): string {
  return createHash('sha256').update(`${blob}\n${etag}`).digest('hex').slice(0, 24);
}
