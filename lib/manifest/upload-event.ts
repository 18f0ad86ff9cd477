import * as z from 'zod';
import { excerpt, FleetError } from '../errors.ts';
import { isObject } from '../json.ts';
import { blobContainers } from '../resource-names.ts';

/** A manifest that was uploaded, as storage announces it through Event Grid. */
export interface BlobCreated {
  /** Name within the container, decoded. */
  readonly blobName: string;
  /** Version of the blob, without quotes. */
  readonly etag: string;
  /**
   * Length of the blob. Tools that create a file first and write it then announce 0 bytes, and the whole file in another event
   * (https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage, `CreateFile`).
   */
  readonly bytes: number;
}

const { manifests: container } = blobContainers;
const created = 'Microsoft.Storage.BlobCreated';
const subject = z
  .string()
  .regex(
    /^\/blobServices\/default\/containers\/[^/]+\/blobs\/./,
    'expected the subject of a blob: /blobServices/default/containers/<name>/blobs/<blob>',
  );
const data = z.object({
  url: z.url({ protocol: /^https?$/ }).max(4096),
  eTag: z
    .string()
    // The service sends it bare, quoted as in the header, or marked as weak (RFC 9110, section 8.8.3).
    .transform((etag) => etag.replace(/^(?:W\/)?"(.*)"$/, '$1'))
    .pipe(z.string().regex(/^[!#-~]{1,128}$/, 'expected an ETag: 1 to 128 visible ASCII characters without quotes')),
  contentLength: z.int().min(0),
});

// Both schemas of https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage.
const eventGridEvent = z.object({ id: z.string(), eventType: z.literal(created), subject, data });
const cloudEvent = z.object({
  id: z.string(),
  specversion: z.literal('1.0'),
  source: z.string(),
  type: z.literal(created),
  subject,
  data,
});

/**
 * Reads a BlobCreated event of the container `manifests`, in the Event Grid or the CloudEvents 1.0 schema.
 * @param message the event, or a list with this one event: webhooks get lists, and scripts copy them
 * @throws FleetError `event-invalid` with every issue of the schema, or the first one of the blob's name
 */
export function parseBlobCreated(message: unknown): BlobCreated {
  const event: unknown = Array.isArray(message) && message.length === 1 ? message[0] : message;
  const isCloudEvent = isObject(event) && 'specversion' in event;
  const parsed = (isCloudEvent ? cloudEvent : eventGridEvent).safeParse(event);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.') || '(event)', message }));
    throw FleetError.of('event-invalid', 'The BlobCreated event', issues);
  }
  const { url, eTag: etag, contentLength: bytes } = parsed.data.data;
  const [, , , , found = '', , ...name] = parsed.data.subject.split('/');
  if (found !== container) {
    throw invalid(`The event is of container "${excerpt(found)}". Expected "${container}".`, 'subject');
  }
  return { blobName: blobNameIn(url, name.join('/')), etag, bytes };
}

/**
 * The event that Event Grid sends for an upload, in its own schema. Its URL has no real host, since nothing reads it.
 * @param id of the event
 */
export function blobCreatedEvent({ blobName, etag, bytes }: BlobCreated, id: string): unknown {
  const path = blobName.split('/').map(encodeURIComponent).join('/');
  return {
    id,
    eventType: created,
    subject: `/blobServices/default/containers/${container}/blobs/${blobName}`,
    data: { url: `https://storage.invalid/${container}/${path}`, eTag: etag, contentLength: bytes },
  };
}

/** The text of a URL behind its host: the container comes first or, with an emulator, behind the account. */
const behindHost = new RegExp(`^https?://[^/]*/(?:[^/]+/)??${container}/(.*)$`, 's');

/**
 * The name of the blob from the URL of the event. The subject has the name as it is. The URL has it percent-encoded or, as was
 * reported for names with "#", as it is; the subject tells which.
 */
function blobNameIn(url: string, subjectName: string): string {
  const written = behindHost.exec(url)?.[1] ?? '';
  const name = written === subjectName ? written : decoded(written);
  if (name === '') throw invalid(`The URL of the event does not name a blob of container "${container}".`);
  // https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
  if (name.length > 1024) throw invalid('The name of the blob is longer than 1024 characters.');
  if (/[\p{Cc}\p{Cs}\\]/u.test(name)) {
    throw invalid('The name of the blob has a control character or a backslash.');
  }
  if (name.split('/').some((step) => step === '' || step === '.' || step === '..')) {
    throw invalid('The name of the blob has an empty part, "." or ".." between its slashes.');
  }
  return name;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw invalid('The URL of the event is not percent-encoded UTF-8.');
  }
}

function invalid(message: string, column = 'data.url'): FleetError {
  return new FleetError('event-invalid', message, { column });
}
