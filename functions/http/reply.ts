import type { HttpResponseInit } from '@azure/functions';
import type * as z from 'zod';

/** The answers of an operation, by status. */
export type Answers = Readonly<Record<number, Answer>>;

export type Answer = JsonAnswer | FileAnswer | JsonOrFileAnswer | EmptyAnswer;

interface AnswerBase {
  /** When it is given, and what is in it. */
  readonly description: string;
  /** Headers of the answer, in lower case, besides those of its content. */
  readonly headers?: Readonly<Record<string, z.ZodType>>;
}

export interface JsonAnswer extends AnswerBase {
  /** The JSON of the body. The value that a handler gives is typed by it; end-to-end tests parse every answer by it. */
  readonly schema: z.ZodType;
  readonly mediaTypes?: never;
}

export interface FileAnswer extends AnswerBase {
  /** Media types of the file. */
  readonly mediaTypes: readonly [string, ...string[]];
  readonly schema?: never;
}

/** JSON or a file, as the client asks. */
export interface JsonOrFileAnswer extends AnswerBase {
  readonly schema: z.ZodType;
  readonly mediaTypes: readonly [string, ...string[]];
}

/** An answer without a body. */
export interface EmptyAnswer extends AnswerBase {
  readonly schema?: never;
  readonly mediaTypes?: never;
}

/** A file to download. */
export interface File {
  readonly name: string;
  readonly mediaType: string;
  readonly body: Uint8Array | ReadableStream<Uint8Array>;
}

/** What a handler gives: one of the answers of its operation. */
export type Reply<Given extends Answers> = {
  [Status in keyof Given]: {
    readonly status: Status;
    readonly headers?: Readonly<Record<string, string>>;
  } & (Given[Status] extends { readonly schema: infer Schema extends z.ZodType }
    ?
        | { readonly json: z.input<Schema> }
        | (Given[Status] extends { readonly mediaTypes: readonly string[] } ? { readonly file: File } : never)
    : Given[Status] extends { readonly mediaTypes: readonly string[] }
      ? { readonly file: File }
      : unknown);
}[keyof Given];

interface AnyReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly file?: File;
}

/**
 * Headers of every answer, also of errors: no cache keeps it, not even a 404, and a browser takes it for what its content type
 * says. Answers hold text of senders, and they come from the address of the console.
 */
export const answerHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const;

/** The reply as the library sends it. Its own headers win. */
export function write(reply: object): HttpResponseInit {
  const { status, headers, json, file } = reply as AnyReply;
  const common = { ...answerHeaders, ...headers };
  if (file !== undefined) {
    const disposition = `attachment; filename="${file.name}"`;
    const fileHeaders = { 'content-type': file.mediaType, 'content-disposition': disposition };
    return { status, headers: { ...fileHeaders, ...common }, body: file.body };
  }
  if (json === undefined) return { status, headers: common };
  const body = JSON.stringify(json);
  // With its length, the answer goes through the worker's server and the host in one piece. Otherwise each sends it in chunks.
  const length = { 'content-length': String(Buffer.byteLength(body)) };
  return { status, headers: { 'content-type': 'application/json', ...length, ...common }, body };
}
