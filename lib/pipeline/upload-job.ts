import { jobIdOf } from '../jobs/job.ts';
import { decodedBody } from '../jobs/messages.ts';
import { parseBlobCreated } from '../manifest/upload-event.ts';

/**
 * The job of the upload that a message of the queue `manifest-uploads` announces.
 * @param body the message as it was sent
 * @returns undefined for a message that announces no upload: its dead letter says why
 */
export function jobOfUpload(body: string): string | undefined {
  try {
    const { blobName, etag } = parseBlobCreated(decodedBody(body));
    return jobIdOf({ blob: blobName, etag });
  } catch {
    return undefined;
  }
}
