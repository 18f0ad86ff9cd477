import * as z from 'zod';
import type { Issue } from '../errors.ts';
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
    .regex(/^application\/(?:[\w.-]+\+)?json(?:\s*;.*)?$/i, 'expected application/json')
    .nullish(),
  data_base64: z.base64().optional(),
});

/**
 * Takes the payload out of a CloudEvents 1.0 envelope (structured mode, JSON format). A message without `specversion` is
 * its own payload.
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
  if ((data === undefined) === (encoded === undefined)) {
    return { issues: [{ path: 'data', message: 'expected the order in either "data" or "data_base64"' }] };
  }
  return encoded === undefined ? { data, path: ['data'] } : decoded(encoded);
}

/** @returns the `source` of a CloudEvents envelope; undefined for a message without one */
export function sourceOf(body: unknown): string | undefined {
  if (!isObject(body) || !('specversion' in body)) return undefined;
  const { source } = body as { source?: unknown };
  return typeof source === 'string' ? source : undefined;
}

function decoded(encoded: string): Opened | { readonly issues: readonly Issue[] } {
  const path = 'data_base64';
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(encoded, 'base64'));
    const data: unknown = JSON.parse(text);
    const untrusted = untrustedJsonIssue(data, path);
    return untrusted === undefined ? { data, path: [path] } : { issues: [untrusted] };
  } catch {
    return { issues: [{ path, message: 'not JSON (expected UTF-8 JSON in base64)' }] };
  }
}
