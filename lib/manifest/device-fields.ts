import * as z from 'zod';
import { idRule } from '../devices/ids.ts';
import { excerpt } from '../errors.ts';
import { isObject } from '../json.ts';
import type { CellError } from './manifest.ts';

/** What a row says, before anything is looked up or compared. */
export interface DeviceFields {
  readonly deviceId: string;
  readonly enrollmentGroup?: string;
  readonly csr?: string;
  readonly tags: Record<string, unknown>;
  readonly desired: Record<string, unknown>;
}

// Senders write null, or an empty text, where they have nothing to say.
const optionalText = z
  .string()
  .nullish()
  .transform((text) => (text === null || text === '' ? undefined : text));
const section = z
  .custom<Record<string, unknown>>(isObject, 'must be an object')
  .nullish()
  .transform((members) => members ?? {});

/** One device as a JSON object: a row of NDJSON, or of an order. Its twin's limits are checked elsewhere. */
export const deviceObject = z.strictObject({
  deviceId: z.string(),
  csr: optionalText,
  tags: section,
  desired: section,
});

const row = deviceObject.extend({ enrollmentGroup: optionalText });

/** Reads one row of NDJSON: what it says, or what is wrong with it. */
export function parseDeviceObject(text: string): { fields: DeviceFields } | { findings: CellError[] } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { findings: [syntax('The row is not JSON.')] };
  }
  if (!isObject(value)) return { findings: [syntax('The row is JSON, but no object.')] };
  const parsed = row.safeParse(value);
  if (parsed.success) return { fields: parsed.data };
  if (!Object.hasOwn(value, 'deviceId')) return { findings: [noDeviceId] };
  return { findings: parsed.error.issues.map(findingOf) };
}

/** As a CSV row says it whose cell is empty. */
export const noDeviceId: CellError = {
  column: 'deviceId',
  code: 'device-id-invalid',
  message: 'The row has no device id.',
  expected: idRule,
};

function syntax(message: string): CellError {
  return { code: 'row-syntax', message, expected: '{"deviceId": "…", "tags": {…}, "desired": {…}}' };
}

function findingOf(issue: z.core.$ZodIssue): CellError {
  if (issue.code === 'unrecognized_keys') {
    const [column = ''] = issue.keys;
    const names = excerpt(issue.keys.map((key) => JSON.stringify(key)).join(', '));
    const message = `The row has members that no row has: ${names}.`;
    const expected = 'deviceId, enrollmentGroup, csr, tags, desired';
    return { column: excerpt(column), code: 'row-syntax', message, expected };
  }
  const column = issue.path.join('.');
  const expected = column === 'tags' || column === 'desired' ? 'an object' : 'a text';
  return { column, code: 'value-type', message: `${column} is not ${expected}.`, expected };
}
