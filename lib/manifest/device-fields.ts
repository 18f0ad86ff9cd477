import * as z from 'zod';
import { idRule } from '../devices/ids.ts';
import { excerpt, type Issue } from '../errors.ts';
import { isObject, untrustedJsonIssue } from '../json.ts';
import type { CellError } from './manifest.ts';

/** The fields of a row as written. No rule is checked yet. */
export interface DeviceFields {
  readonly deviceId: string;
  readonly enrollmentGroup?: string;
  readonly csr?: string;
  readonly tags: Record<string, unknown>;
  readonly desired: Record<string, unknown>;
}

// Senders write null or an empty text for a value that is absent.
const optionalText = z
  .string()
  .nullish()
  .transform((text) => (text === null || text === '' ? undefined : text));
const section = z
  .custom<Record<string, unknown>>(isObject, 'expected a JSON object')
  .nullish()
  .transform((members) => members ?? {});

/** One device as a JSON object: a row of NDJSON, or a device of an order. rows.ts checks the limits of its twin. */
export const deviceObject = z.strictObject({
  deviceId: z.string(),
  csr: optionalText,
  tags: section,
  desired: section,
});

const row = deviceObject.extend({ enrollmentGroup: optionalText });

/**
 * Reads one row of NDJSON.
 * @example
 * parseDeviceObject('{"deviceId": "gw-1"}'); // { fields: { deviceId: 'gw-1', tags: {}, desired: {} } }
 */
export function parseDeviceObject(text: string): { fields: DeviceFields } | { errors: CellError[] } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { errors: [syntax('The row is not JSON. Write one JSON object per line.')] };
  }
  if (!isObject(value)) return { errors: [syntax('The row is JSON but not an object. Write {"deviceId": "…"}.')] };
  const unsafe = untrustedJsonIssue(value);
  if (unsafe !== undefined) return { errors: [unsafeRow(unsafe)] };
  const parsed = row.safeParse(value);
  if (parsed.success) return { fields: parsed.data };
  if (!Object.hasOwn(value, 'deviceId')) return { errors: [noDeviceId] };
  return { errors: parsed.error.issues.map(errorOf) };
}

/** The error of a row without `deviceId`, or with an empty one. */
export const noDeviceId: CellError = {
  column: 'deviceId',
  code: 'device-id-invalid',
  message: 'The row has no device id. Fill deviceId.',
  expected: idRule,
};

function syntax(message: string): CellError {
  return { code: 'row-syntax', message, expected: '{"deviceId": "…", "tags": {…}, "desired": {…}}' };
}

/** The error of a row that must not be walked. Only its twin may be nested or long. */
function unsafeRow({ path, message }: Issue): CellError {
  const isTwin = /^(?:tags|desired)(?:\.|$)/.test(path);
  if (!isTwin) return { ...syntax(`The row is not a device: ${path || 'it'} is ${message}.`), column: excerpt(path) };
  const column = excerpt(path.replace(/\.__proto__$/, ''));
  return { column, code: 'twin-invalid', message: `${column}: ${message}.` };
}

function errorOf(issue: z.core.$ZodIssue): CellError {
  if (issue.code === 'unrecognized_keys') {
    const [column = ''] = issue.keys;
    const names = excerpt(issue.keys.map((key) => JSON.stringify(key)).join(', '));
    const expected = 'deviceId, enrollmentGroup, csr, tags, desired';
    const message = `The row has unknown members: ${names}. Expected ${expected} only.`;
    return { column: excerpt(column), code: 'row-syntax', message, expected };
  }
  const column = issue.path.join('.');
  const expected = column === 'tags' || column === 'desired' ? 'a JSON object' : 'text in quotes';
  return { column, code: 'value-type', message: `${column} has the wrong type. Expected ${expected}.`, expected };
}
