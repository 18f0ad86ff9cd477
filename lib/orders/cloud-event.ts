import * as z from 'zod';
import type { Issue } from '../errors.ts';
import { untrustedJsonIssue } from '../json.ts';

/** What a message carries, and where in the message that stands. */
export interface Opened {
  readonly data: unknown;
  readonly path: readonly string[];
}

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md; extensions stand beside the rest. */
const envelope = z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.string().min(1),
  datacontenttype: z
    .string()
    .regex(/^application\/(?:[\w.-]+\+)?json(?:\s*;.*)?$/i, 'an order is JSON: application/json')
    .nullish(),
  data_base64: z.base64().optional(),
});

/** Takes a message out of its CloudEvents 1.0 envelope (structured mode, JSON format). A message without one is its own. */
export function openEnvelope(body: unknown): Opened | { readonly faults: readonly Issue[] } {
  if (body === null || typeof body !== 'object' || !('specversion' in body)) return { data: body, path: [] };
  const parsed = envelope.safeParse(body);
  if (!parsed.success) {
    return { faults: parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })) };
  }
  const { data, data_base64: encoded } = parsed.data;
  if ((data === undefined) === (encoded === undefined)) {
    return { faults: [{ path: 'data', message: 'an event carries its order in either "data" or "data_base64"' }] };
  }
  if (encoded === undefined) return { data, path: ['data'] };
  return decoded(encoded);
}

function decoded(encoded: string): Opened | { readonly faults: readonly Issue[] } {
  const path = 'data_base64';
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(encoded, 'base64'));
    const data: unknown = JSON.parse(text);
    const hostile = untrustedJsonIssue(data, path);
    return hostile === undefined ? { data, path: [path] } : { faults: [hostile] };
  } catch {
    return { faults: [{ path, message: 'not JSON in UTF-8, in base64' }] };
  }
}
