import * as z from 'zod';
import { FleetError } from '../errors.ts';
import { blobContainers } from '../resource-names.ts';

/** A blob that was uploaded, as storage announces it through Event Grid. */
export interface BlobCreated {
  readonly container: string;
  readonly blobName: string;
  /** Without quotes. */
  readonly etag: string;
  readonly url: string;
  readonly contentLength: number;
  /** Orders the events of one blob. */
  readonly sequencer?: string;
}

const created = 'Microsoft.Storage.BlobCreated';
const subject = z.string().regex(/^\/blobServices\/default\/containers\/[^/]+\/blobs\/./, 'not the subject of a blob');
const data = z.object({
  url: z.url({ protocol: /^https?$/ }).max(4096),
  eTag: z
    .string()
    // The service sends it bare, as the header quotes it, or marked as weak (RFC 9110, section 8.8.3).
    .transform((etag) => etag.replace(/^(?:W\/)?"(.*)"$/, '$1'))
    .pipe(z.string().regex(/^[!#-~]{1,128}$/, 'not an ETag')),
  contentLength: z.int().min(0),
  sequencer: z.string().max(256).optional(),
});

// https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage, both of its schemas.
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
 * Reads a BlobCreated event in the Event Grid or the CloudEvents 1.0 schema.
 * @throws FleetError `event-invalid` with every fault
 */
export function parseBlobCreated(
  event: unknown,
  { container: wanted = blobContainers.manifests as string } = {},
): BlobCreated {
  const isCloudEvent = event !== null && typeof event === 'object' && 'specversion' in event;
  const parsed = (isCloudEvent ? cloudEvent : eventGridEvent).safeParse(event);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.') || '(event)', message }));
    throw FleetError.of('event-invalid', 'The BlobCreated event', faults);
  }
  const { url, eTag: etag, contentLength, sequencer } = parsed.data.data;
  const container = parsed.data.subject.split('/')[4] ?? '';
  if (container !== wanted) throw invalid(`The event is about container "${container.slice(0, 64)}", not "${wanted}".`);
  const blobName = blobNameIn(url, container);
  return { container, blobName, etag, url, contentLength, ...(sequencer === undefined ? {} : { sequencer }) };
}

/** The name as the URL has it: behind the container, which stands first or, on an emulator, behind the account. */
function blobNameIn(url: string, container: string): string {
  const [, first, ...rest] = new URL(url).pathname.split('/');
  const encoded = first === container ? rest : rest[0] === container ? rest.slice(1) : [];
  const name = decoded(encoded.join('/'));
  if (name === '') throw invalid('The URL of the event names no blob of its container.');
  // The limit of a blob's name; https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
  if (name.length > 1024) throw invalid('The name of the blob is longer than 1024 characters.');
  if (/[\p{Cc}\p{Cs}\\]/u.test(name)) throw invalid('The name of the blob holds a control character or a backslash.');
  if (name.split('/').some((step) => step === '' || step === '.' || step === '..')) {
    throw invalid('The name of the blob holds an empty step, "." or "..", as paths do.');
  }
  return name;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    throw invalid('The URL of the event is not encoded as URLs are.');
  }
}

function invalid(message: string): FleetError {
  return new FleetError('event-invalid', message, { column: 'data.url' });
}
