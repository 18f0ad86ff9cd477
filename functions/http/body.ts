import type { HttpRequest } from '@azure/functions';
import type * as z from 'zod';
import { type ErrorCode, excerpt, FleetError } from '../../lib/errors.ts';
import { NotText, textOf } from '../../lib/jobs/message-text.ts';
import { untrustedJsonIssue } from '../../lib/json.ts';
import { jsonPlace, jsonProblem, repeatedMember } from '../../lib/manifest/json-text.ts';

export const KiB = 1024;
export const MiB = 1024 * KiB;

/**
 * For operations that take no body. It is not read. Some clients send an empty object with every POST, so a short body is
 * not an error.
 */
const unread = 4 * KiB;

/** The body that an operation takes. */
export type BodyDefinition = JsonBody | CheckedJsonBody | StreamBody;

interface BodyBase {
  readonly description: string;
  /**
   * The longest body, in bytes. The Functions host has read the whole body before this code runs; what the host reads is
   * limited by the app setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT, beyond which it answers 500 without a body. So this limit is
   * well below that one (docs/host.md, which lists every limit).
   */
  readonly maxBytes: number;
  /** Default: `request-too-large`. */
  readonly tooLarge?: ErrorCode;
  /** What the sender of a longer body can do instead, in a sentence. */
  readonly instead?: string;
}

/** JSON that its schema checks: `request-invalid` names every fault. */
export interface JsonBody extends BodyBase {
  readonly kind: 'json';
  /** No body is read as an empty object. */
  readonly optional?: true;
  readonly schema: z.ZodType;
}

/** JSON that the handler checks, by rules that a schema cannot say. The schema describes it. */
export interface CheckedJsonBody extends BodyBase {
  readonly kind: 'json-unchecked';
  readonly schema: z.ZodType;
}

/** Bytes. The handler reads them as they come, never as a whole in memory. */
export interface StreamBody extends BodyBase {
  readonly kind: 'stream';
  /** Media types with what each is, for the description. The handler checks the Content-Type. */
  readonly mediaTypes: Readonly<Record<string, string>>;
}

/** The body as a handler gets it. */
export type Body<Taken extends BodyDefinition | undefined> = Taken extends JsonBody
  ? z.output<Taken['schema']>
  : Taken extends StreamBody
    ? AsyncGenerator<Uint8Array>
    : Taken extends CheckedJsonBody
      ? unknown
      : undefined;

interface TakesBody {
  readonly id: string;
  readonly body?: BodyDefinition | undefined;
}

/** The longest body that an operation takes, in bytes. */
export function maxBodyBytes({ body }: TakesBody): number {
  return body?.maxBytes ?? unread;
}

/**
 * Refuses a request whose Content-Length is over the limit of the operation, before any of its body is read.
 * @throws FleetError `manifest-too-large` or `request-too-large`
 */
export function checkContentLength(operation: TakesBody, request: HttpRequest): void {
  const length = Number(request.headers.get('content-length') ?? 0);
  if (length > maxBodyBytes(operation)) throw tooLarge(operation);
}

/** The body of a request as its operation takes it. @throws FleetError `request-invalid`, `request-too-large` */
export async function readBody({ id, body }: TakesBody, request: HttpRequest): Promise<unknown> {
  if (body === undefined) return undefined;
  const bytes = bodyOf({ id, body }, request);
  if (body.kind === 'stream') return bytes;
  const value = await jsonOf(bytes, body.kind === 'json' && body.optional === true);
  return body.kind === 'json' ? checked(body.schema, value) : value;
}

/**
 * The body of a request, counted while it is read: a chunked request has no Content-Length.
 * @throws FleetError `manifest-too-large` or `request-too-large`, as soon as more than the limit was read
 */
export async function* bodyOf(operation: TakesBody, request: HttpRequest): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  // Not for-await over the stream: leaving such a loop destroys the connection, on which the answer is still to be sent.
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  readers.set(request, reader);
  let bytes = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes += part.value.byteLength;
    if (bytes > maxBodyBytes(operation)) throw tooLarge(operation);
    if (part.value.byteLength > 0) yield part.value;
  }
}

/** Of the requests whose body was begun. */
const readers = new WeakMap<HttpRequest, ReadableStreamDefaultReader<Uint8Array>>();

/**
 * Reads the rest of a body that was begun and refused, and drops it. Otherwise its connection stays blocked: the host sends the
 * next request on it, and that one gets no answer. The host limits the length of the body.
 */
export async function dropRestOfBody(request: HttpRequest): Promise<void> {
  const reader = readers.get(request);
  if (reader === undefined) return;
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client went away, and its connection with it.
  }
}

async function jsonOf(bytes: AsyncGenerator<Uint8Array>, isOptional: boolean): Promise<unknown> {
  const expected = 'a JSON object';
  const text = decoded(Buffer.concat(await Array.fromAsync(bytes)));
  if (isOptional && text.trim() === '') return {};
  const value = parsed(text, expected);
  const repeated = repeatedMember(text);
  if (repeated === undefined) return value;
  const message = `Member ${JSON.stringify(excerpt(repeated))} of the body stands twice. Remove one of the two.`;
  throw new FleetError('request-invalid', message, { column: '(body)' });
}

function decoded(bytes: Buffer): string {
  try {
    return textOf(bytes);
  } catch (cause) {
    if (!(cause instanceof NotText)) throw cause;
    throw new FleetError('request-invalid', `The body ${cause.message} Send it as UTF-8.`, { column: '(body)', cause });
  }
}

function parsed(text: string, expected: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (text.trim() === '')
      throw new FleetError('request-invalid', `There is no body. Send ${expected}.`, { expected });
    const { line, column } = jsonPlace(text);
    const found = `The body is not JSON at line ${line}, column ${column}. ${jsonProblem(text, cause)}`.trimEnd();
    throw new FleetError('request-invalid', `${found} Expected ${expected}.`, { expected, cause });
  }
}

function checked(schema: z.ZodType, value: unknown): unknown {
  const unsafe = untrustedJsonIssue(value);
  if (unsafe !== undefined) {
    throw FleetError.of('request-invalid', 'The body', [{ ...unsafe, path: unsafe.path || '(body)' }]);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => {
    return { path: excerpt(path.join('.')) || '(body)', message: excerpt(message) };
  });
  throw FleetError.of('request-invalid', 'The body', faults);
}

function tooLarge({ id, body }: TakesBody): FleetError {
  const limit = maxBodyBytes({ id, body });
  const message = [`The body is too large. ${id} takes at most ${limit} bytes.`, body?.instead].join(' ').trimEnd();
  return new FleetError(body?.tooLarge ?? 'request-too-large', message, { expected: `at most ${limit} bytes` });
}
