import type { DeviceRecord } from '../../devices/device.ts';
import type { Twin } from '../../devices/twin.ts';
import { excerpt } from '../../errors.ts';
import { canonicalJson, isObject } from '../../json.ts';
import { contentHash, type DeviceRequest, type Difference, type RowError, rowError } from '../../manifest/manifest.ts';

/** Differences that an error lists. */
const maxListed = 20;
/** Differences that its message shows: the message must fit a cell of a spreadsheet. */
const maxShown = 5;

/** The difference of a CSR: the record of a device does not hold the request, only a hash of the whole row. */
const otherRequest: Difference = { column: 'csr' };

/**
 * The error of a row whose device exists with other content, with the columns that differ. A value that looks like a secret is
 * not shown.
 * @param reason the beginning of the message, a sentence
 */
export function deviceExists(request: DeviceRequest, record: DeviceRecord, reason: string): RowError {
  const all = differencesOf(request, record);
  const listed = all.slice(0, maxShown).map(textOf);
  if (all.length > maxShown) listed.push(`${all.length - maxShown} more`);
  const message = `${reason} It differs in ${listed.join('; ')}. Correct the row, or send it with onConflict=replace.`;
  const error = { code: 'device-exists', message, column: 'deviceId', value: request.deviceId } as const;
  return rowError(request, { ...error, differences: all.slice(0, maxListed) });
}

function differencesOf(request: DeviceRequest, record: DeviceRecord): Difference[] {
  const { deviceId, enrollmentGroup, csr } = request;
  // A record without a twin is of a row without tags and desired properties.
  const { tags, desired } = record.twin ?? { tags: {}, desired: {} };
  const earlier = {
    deviceId,
    enrollmentGroup: record.enrollmentGroup,
    csr,
    tags: { ...tags },
    desired: { ...desired },
  };
  const hasSameRequest = contentHash(earlier) === record.contentHash;
  const group = { column: 'enrollmentGroup', was: json(record.enrollmentGroup), is: json(enrollmentGroup) };
  return [
    ...(record.enrollmentGroup === enrollmentGroup ? [] : [group]),
    ...twinDifferences({ tags, desired }, request),
    ...(hasSameRequest ? [] : [otherRequest]),
  ];
}

function twinDifferences(before: Twin, after: Twin): Difference[] {
  const found: Difference[] = [];
  for (const section of ['tags', 'desired'] as const) walk(section, before[section], after[section], found);
  return found;
}

/** Objects are compared member by member, so that a column is named as in a CSV manifest; anything else as a whole. */
function walk(path: string, was: unknown, is: unknown, found: Difference[]): void {
  const [left, right] = [membersOf(was, is), membersOf(is, was)];
  if (left !== undefined && right !== undefined) {
    const names = new Set([...Object.keys(left), ...Object.keys(right)]);
    for (const name of names) walk(`${path}.${name}`, ownMember(left, name), ownMember(right, name), found);
    return;
  }
  const same = was !== undefined && is !== undefined && canonicalJson(was) === canonicalJson(is);
  if (!same) found.push({ column: excerpt(path), was: shown(path, was), is: shown(path, is) });
}

/** The members of an object. An absent object has none beside one that has some. */
function membersOf(value: unknown, other: unknown): Record<string, unknown> | undefined {
  if (isObject(value)) return isObject(other) || Object.keys(value).length > 0 ? value : undefined;
  return value === undefined && isObject(other) && Object.keys(other).length > 0 ? {} : undefined;
}

function ownMember(object: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Names of members that hold a secret. */
const secretName =
  /passw|passphrase|secret|token|credential|connectionstring|(?:access|private|primary|secondary|symmetric|shared|api)[_-]?key/i;

/** A value as JSON, cut; undefined when it is absent. */
function shown(path: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const whole = JSON.stringify(value);
  const isSecret = secretName.test(path) || secretName.test(whole) || whole.includes('PRIVATE KEY');
  return isSecret ? '(not shown)' : json(value);
}

/**
 * JSON in which two different texts never look the same: characters that are not visible, and accents that are characters of
 * their own, are escaped.
 */
function json(value: unknown): string {
  const text = JSON.stringify(value);
  const hidden = text === text.normalize('NFC') ? /(?! )[\p{C}\p{Z}]/gu : /(?! )[\p{C}\p{Z}\p{M}]/gu;
  return excerpt(text.slice(0, maxJson).replace(hidden, escaped));
}

/** More of a value than `excerpt` keeps, in characters. */
const maxJson = 200;

function escaped(character: string): string {
  return [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('');
}

function textOf({ column, was, is }: Difference): string {
  if (was === undefined && is === undefined) return column;
  return `${column}: ${brief(was)} → ${brief(is)}`;
}

/** A value for the message; the list of differences has more of it. */
function brief(value = '(absent)'): string {
  return value.length > 60 ? `${value.slice(0, 57)}...` : value;
}
