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
 * @throws FleetError `event-invalid` with every issue of the schema, or the first one of the blob's name
 */
export function parseBlobCreated(event: unknown): BlobCreated {
  const isCloudEvent = isObject(event) && 'specversion' in event;
  const parsed = (isCloudEvent ? cloudEvent : eventGridEvent).safeParse(event);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.') || '(event)', message }));
    throw FleetError.of('event-invalid', 'The BlobCreated event', issues);
  }
  const { url, eTag: etag } = parsed.data.data;
  const found = parsed.data.subject.split('/')[4] ?? '';
  if (found !== container) {
    throw invalid(`The event is of container "${excerpt(found)}". Expected "${container}".`, 'subject');
  }
  return { blobName: blobNameIn(url), etag };
}

/** The name from the URL: behind the container, which comes first or, with an emulator, behind the account. */
function blobNameIn(url: string): string {
  const [, first, ...rest] = new URL(url).pathname.split('/');
  const encoded = first === container ? rest : rest[0] === container ? rest.slice(1) : [];
  const name = decoded(encoded.join('/'));
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
