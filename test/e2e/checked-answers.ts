import assert from 'node:assert/strict';
import * as z from 'zod';
import type { Operation } from '../../functions/http/operation.ts';
import { operations } from '../../functions/http/operations.ts';
import { problem } from '../../functions/http/schemas.ts';
import { errorsOf } from '../../infra/tools/openapi.ts';
import { FleetError } from '../../lib/errors.ts';

/*
 * Every answer that an end-to-end test gets from the app is compared with docs/openapi.json, by the table that it is made of.
 */

export interface SeenAnswer {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  /** The body; undefined when it is a file, which is not read here. */
  readonly text?: string;
}

/** @throws AssertionError when the answer is not one that its operation declares */
export function checkAnswer(answer: SeenAnswer): void {
  const operation = operationOf(answer);
  if (operation === undefined) return;
  const { status, text } = answer;
  const declared = operation.answers[status];
  const subject = `${operation.id} answered ${status}: ${text?.slice(0, 500)}`;
  if (declared === undefined) {
    checkProblem(operation, answer, subject);
    return;
  }
  for (const [name, schema] of Object.entries(declared.headers ?? {})) {
    const parsed = schema.safeParse(answer.headers.get(name) ?? undefined);
    assert.ok(parsed.success, `${subject}, header ${name}: ${parsed.error?.message}`);
  }
  const type = mediaTypeOf(answer);
  if (declared.mediaTypes !== undefined) assert.ok(declared.mediaTypes.includes(type), `${subject}, ${type}`);
  if (declared.schema === undefined) return;
  assert.equal(type, 'application/json', subject);
  checkJson(declared.schema, text, subject);
}

function checkProblem(operation: Operation, answer: SeenAnswer, subject: string): void {
  const { status, text } = answer;
  // The host's own answers have no body.
  if (text === '' && [401, 404, 413].includes(status)) return;
  assert.equal(mediaTypeOf(answer), 'application/problem+json', subject);
  const { title } = checkJson(problem, text, subject);
  const codes = errorsOf(operation).filter((code) => new FleetError(code, '').status === status);
  assert.ok(codes.includes(title), `${subject}; declared are ${codes.join(', ')}`);
}

/** An answer may have no member that its schema lacks, although clients ignore those that they do not know. */
function checkJson<Schema extends z.ZodType>(schema: Schema, text = '', subject: string): z.output<Schema> {
  const value: unknown = JSON.parse(text);
  const parsed = schema.safeParse(value);
  assert.ok(parsed.success, `${subject}\n${parsed.error && z.prettifyError(parsed.error)}`);
  assert.deepEqual(parsed.data, value, subject);
  return parsed.data;
}

function operationOf({ method, path }: SeenAnswer): Operation | undefined {
  const pathname = path.split('?')[0] ?? '';
  return operations.find((operation) => {
    const pattern = operation.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+');
    return operation.method === method && new RegExp(`^/api/${pattern}$`).test(pathname);
  });
}

function mediaTypeOf({ headers }: SeenAnswer): string {
  return headers.get('content-type')?.split(';')[0] ?? '';
}

/** What `checkFetches` found. Some tests wait for an answer and ignore errors, so errors are kept too. */
export interface FetchCheck {
  /** Puts the former `fetch` back. @throws AssertionError the first answer that was not as declared */
  end(): void;
}

/** Checks every answer that `fetch` gets from the app. */
export function checkFetches(url: string): FetchCheck {
  const { fetch } = globalThis;
  const faults: unknown[] = [];
  const isFile = (headers: Headers) => headers.has('content-disposition');
  globalThis.fetch = async (input, init) => {
    const target = new URL(input instanceof Request ? input.url : input);
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET');
    const answer = await fetch(input, init);
    if (target.origin !== new URL(url).origin) return answer;
    const { status, headers } = answer;
    const seen = { method, path: target.pathname + target.search, status, headers };
    // A file is streamed; reading it here would hide that from its test.
    const text = isFile(headers) ? {} : { text: await answer.clone().text() };
    try {
      checkAnswer({ ...seen, ...text });
    } catch (fault) {
      faults.push(fault);
      throw fault;
    }
    return answer;
  };
  return {
    end() {
      globalThis.fetch = fetch;
      if (faults.length > 0) throw faults[0];
    },
  };
}
