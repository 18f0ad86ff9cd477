import * as z from 'zod';
import { idRule } from '../devices/ids.ts';
import { excerpt, type Issue } from '../errors.ts';
import { isObject, untrustedJsonIssue } from '../json.ts';
import { suggestion } from '../suggest.ts';
import { looseName, trimBlanks } from './blanks.ts';
import { composed } from './cells.ts';
import { jsonProblem, repeatedMember } from './json-text.ts';
import type { CellError } from './manifest.ts';
import type { RepairCount } from './repairs.ts';

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
 * parseDeviceObject('{"deviceId": "gw-1"}', count); // { fields: { deviceId: 'gw-1', tags: {}, desired: {} } }
 */
export function parseDeviceObject(
  text: string,
  count: RepairCount,
): { fields: DeviceFields } | { errors: CellError[] } {
  const source = composed(text, count);
  let value: unknown;
  try {
    value = parseRow(source, count);
  } catch (error) {
    const problem = ['The row is not JSON.', jsonProblem(source, error), 'Write one JSON object per line.'];
    return { errors: [syntax(problem.filter((sentence) => sentence !== '').join(' '))] };
  }
  if (!isObject(value)) return { errors: [syntax('The row is JSON but not an object. Write {"deviceId": "…"}.')] };
  const unsafe = untrustedJsonIssue(value);
  if (unsafe !== undefined) return { errors: [unsafeRow(unsafe)] };
  const repeated = repeatedMember(source);
  const errors = repeated === undefined ? [] : [twice(repeated)];
  const parsed = row.safeParse(value);
  if (!parsed.success) return { errors: [...errors, ...issuesOf(value, parsed.error.issues)] };
  if (errors.length > 0) return { errors };
  const { deviceId } = parsed.data;
  const trimmed = trimBlanks(deviceId);
  if (trimmed === deviceId) return { fields: parsed.data };
  count.add('trimmed-cells');
  return { fields: { ...parsed.data, deviceId: trimmed } };
}

/** Parses a row. RFC 7464 has a record separator before each one, and files that were glued a byte order mark. */
function parseRow(text: string, count: RepairCount): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const trimmed = trimBlanks(text);
    if (trimmed === text) throw error;
    const value: unknown = JSON.parse(trimmed);
    count.add('trimmed-cells');
    return value;
  }
}

function issuesOf(value: Record<string, unknown>, issues: readonly z.core.$ZodIssue[]): CellError[] {
  if (Object.hasOwn(value, 'deviceId')) return issues.map(errorOf);
  const others = issues.filter(({ code }) => code === 'unrecognized_keys').map(errorOf);
  return [noDeviceId, ...others];
}

function twice(name: string): CellError {
  const member = JSON.stringify(excerpt(name));
  const message = `Member ${member} stands twice. Remove one of the two.`;
  return { column: excerpt(name), code: 'row-syntax', message, expected: 'each member once' };
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
    const suggestions = [...new Set(issue.keys.map(advice))].filter((hint) => hint !== '');
    const message = `The row has unknown members: ${names}. Expected ${expected} only.${suggestions.slice(0, 5).join('')}`;
    return { column: excerpt(column), code: 'row-syntax', message, expected };
  }
  const column = issue.path.join('.');
  const expected = column === 'tags' || column === 'desired' ? 'a JSON object' : 'text in quotes';
  return { column, code: 'value-type', message: `${column} has the wrong type. Expected ${expected}.`, expected };
}

const memberNames = ['deviceId', 'enrollmentGroup', 'csr', 'tags', 'desired'];
/** Names of other systems: the export of IoT Hub has `id`, its twins have `properties.desired`. */
const otherNames: ReadonlyMap<string, string> = new Map([
  ['id', 'deviceId'],
  ['registrationid', 'deviceId'],
  ['group', 'enrollmentGroup'],
  ['properties', 'desired'],
  ['tag', 'tags'],
]);

/** A sentence that names the member that was meant, with a blank before it; empty when none is near. */
function advice(key: string): string {
  const section = /^(tags|desired)\./.exec(key)?.[1];
  if (section !== undefined) return ` Write ${section} as an object, without dots in its name.`;
  const meant = otherNames.get(looseName(key)) ?? suggestion(key, memberNames);
  return meant === undefined ? '' : ` Did you mean ${meant} by ${JSON.stringify(excerpt(key))}?`;
}
