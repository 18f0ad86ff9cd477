import type { HttpRequest } from '@azure/functions';
import type { Operation } from '../../lib/access/access.ts';
import { FleetError } from '../../lib/errors.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * For operations that take no body. It is not read. Some clients send an empty object with every POST, so a short body is
 * not an error.
 */
const unread = 4 * KiB;

/**
 * The largest body of each operation, in bytes. The Functions host has read the whole body before this code runs; what the
 * host reads is limited by the app setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT (docs/host.md).
 */
export const maxBodyBytes = {
  health: unread,
  'list-jobs': unread,
  'get-job': unread,
  'get-job-errors': unread,
  'get-job-results': unread,
  'list-devices': unread,
  'get-device': unread,
  'list-enrollment-groups': unread,
  'get-enrollment-group': unread,
  // The default limit of the host. The body is stored as it comes, never as a whole in memory.
  'submit-job': 100 * MiB,
  'cancel-job': unread,
  'retry-job': unread,
  // A definition has at most 31 certificates of 16 KiB, and a twin of 40 KB.
  'put-enrollment-group': 1 * MiB,
  'roll-over-enrollment-group': unread,
  'get-device-bundle': unread,
  'list-dead-letters': unread,
  'redrive-dead-letters': unread,
} as const satisfies Record<Operation, number>;

/**
 * Refuses a request whose Content-Length is over the limit of the operation, before any of its body is read.
 * @throws FleetError `manifest-too-large` or `request-too-large`
 */
export function checkContentLength(operation: Operation, request: HttpRequest): void {
  const length = Number(request.headers.get('content-length') ?? 0);
  if (length > maxBodyBytes[operation]) throw tooLarge(operation);
}

/**
 * The body of a request, counted while it is read: a chunked request has no Content-Length.
 * @throws FleetError `manifest-too-large` or `request-too-large`, as soon as more than the limit was read
 */
export async function* bodyOf(operation: Operation, request: HttpRequest): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  // Not for-await over the stream: leaving such a loop destroys the connection, on which the answer is still to be sent.
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  let bytes = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes += part.value.byteLength;
    if (bytes > maxBodyBytes[operation]) throw tooLarge(operation);
    if (part.value.byteLength > 0) yield part.value;
  }
}

function tooLarge(operation: Operation): FleetError {
  const code = operation === 'submit-job' ? 'manifest-too-large' : 'request-too-large';
  const limit = maxBodyBytes[operation];
  return new FleetError(code, `The body is too large. ${operation} takes at most ${limit} bytes.`, {
    expected: `at most ${limit} bytes`,
  });
}
