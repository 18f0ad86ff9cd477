import * as z from 'zod';
import type { Issue } from '../errors.ts';
import { decodedJson, NotJson, NotText, textOf } from '../jobs/message-text.ts';
import { isObject, untrustedJsonIssue } from '../json.ts';

/** The payload of a message. */
export interface Opened {
  readonly data: unknown;
  /** Where in the message the payload is, as keys. Empty when the message is the payload. */
  readonly path: readonly string[];
}

// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md. Extensions are further members.
const envelope = z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.string().min(1),
  datacontenttype: z
    .string()
    .regex(/^(?:application\/(?:[\w.-]+\+)?|text\/)json(?:\s*;.*)?$/i, 'expected application/json')
    .nullish(),
  data_base64: z.base64().nullish(),
});

/**
 * Takes the payload out of a CloudEvents 1.0 envelope (structured mode, JSON format). A payload that is a text of JSON is parsed:
 * Dynamics and others put JSON into a text. A message without `specversion` is its own payload.
 * @example
 * openEnvelope({ specversion: '1.0', id: '1', source: '/erp', type: 'order', data: { a: 1 } });
 * // { data: { a: 1 }, path: ['data'] }
 */
export function openEnvelope(body: unknown): Opened | { readonly issues: readonly Issue[] } {
  if (!isObject(body) || !('specversion' in body)) return { data: body, path: [] };
  const parsed = envelope.safeParse(body);
  if (!parsed.success) {
    return { issues: parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })) };
  }
  const { data, data_base64: encoded } = parsed.data;
  // Senders write null for a member that is absent.
  if ((data ?? undefined) === undefined) {
    return encoded == null ? noData : decoded(() => textOf(Buffer.from(encoded, 'base64')), 'data_base64');
  }
  if (encoded != null) return noData;
  return typeof data === 'string' ? decoded(() => data, 'data') : { data, path: ['data'] };
}

const noData = { issues: [{ path: 'data', message: 'expected the order in either "data" or "data_base64"' }] };

/** @returns the `source` of a CloudEvents envelope; undefined for a message without one */
export function sourceOf(body: unknown): string | undefined {
  if (!isObject(body) || !('specversion' in body)) return undefined;
  const { source } = body as { source?: unknown };
  return typeof source === 'string' ? source : undefined;
}

const expectedText = { data: 'an object, or JSON as text', data_base64: 'UTF-8 JSON in base64' } as const;

function decoded(text: () => string, path: keyof typeof expectedText): Opened | { readonly issues: Issue[] } {
  try {
    const data = decodedJson(text());
    const untrusted = untrustedJsonIssue(data, path);
    return untrusted === undefined ? { data, path: [path] } : { issues: [untrusted] };
  } catch (error) {
    if (!(error instanceof NotJson || error instanceof NotText)) throw error;
    const found = error.message.replace(/^is neither JSON nor base64 of JSON/, 'not JSON').replace(/^is /, '');
    return { issues: [{ path, message: `${found.replace(/\.$/, '')} (expected ${expectedText[path]})` }] };
  }
}
