import type { Issue } from '../errors.ts';
import { isObject, maxNodes } from '../json.ts';

/** Tags and desired properties with which a device's twin begins. Values are JSON. */
export interface Twin {
  readonly tags: Readonly<Record<string, unknown>>;
  readonly desired: Readonly<Record<string, unknown>>;
}

/*
 * Limits of a twin in IoT Hub, https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins:
 * tags 8 KB, desired 32 KB, objects and arrays nested 10 deep, keys up to 1 KB without control characters, ".", "$" and
 * space, string values up to 4 KB, integers within 53 bits less one.
 */
const sectionBytes = { tags: 8 * 1024, desired: 32 * 1024 };
const maxDepth = 10;
const maxKeyBytes = 1024;
const maxStringBytes = 4 * 1024;
const minInteger = -4503599627370496;
const maxInteger = 4503599627370495;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what the rule forbids
const forbiddenInKey = /[\u0000-\u001f\u007f-\u009f.$ ]/;

/** Sizes by "Device twin size" of the same page. Control characters of a string value do not count. */
const numberBytes = 8;
const booleanBytes = 4;
const controlCharacter = /\p{Cc}/u;

/**
 * Finds everything in a twin that IoT Hub would refuse. Values nested too deeply, and sections of too many values, are
 * not walked, so that untrusted input cannot overflow the stack or block the event loop.
 * @returns one issue per violation, with a path that begins with `tags` or `desired`; empty when the twin is valid
 */
export function twinIssues(twin: Twin): Issue[] {
  const issues: Issue[] = [];
  for (const section of ['tags', 'desired'] as const) {
    const bytes = sizeOf(twin[section], section, 0, { issues, nodes: 0 });
    if (bytes !== undefined && bytes > sectionBytes[section]) {
      issues.push({ path: section, message: `${bytes} bytes where IoT Hub takes ${sectionBytes[section]}` });
    }
  }
  return issues;
}

/** A walk over one section: the issues it found, and the values it met. */
interface Walk {
  readonly issues: Issue[];
  nodes: number;
}

/**
 * Adds the issues of a value.
 * @param depth of objects and arrays around the value; 0 for a section
 * @returns its size in bytes as IoT Hub counts it; undefined when it is too deep or has too many values to be walked
 */
function sizeOf(value: unknown, path: string, depth: number, walk: Walk): number | undefined {
  switch (typeof value) {
    case 'string':
      return stringSize(value, path, walk);
    case 'number':
      checkNumber(value, path, walk);
      return numberBytes;
    case 'boolean':
      return booleanBytes;
    default:
      if (value !== null && typeof value === 'object') return containerSize(value, path, depth, walk);
      // In a patch, null removes a member. A twin that holds it is refused: "Value of Property or Tag cannot be null".
      walk.issues.push({ path, message: 'null, which no twin can hold; leave the member out, or give it a value' });
      return 0;
  }
}

function stringSize(text: string, path: string, { issues }: Walk): number {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxStringBytes) issues.push({ path, message: `longer than ${maxStringBytes} bytes` });
  return controlCharacter.test(text) ? Buffer.byteLength(text.replaceAll(/\p{Cc}/gu, '')) : bytes;
}

function checkNumber(value: number, path: string, { issues }: Walk): void {
  if (!Number.isFinite(value)) issues.push({ path, message: 'not a number' });
  if (Number.isInteger(value) && (value < minInteger || value > maxInteger)) {
    issues.push({ path, message: `outside ${minInteger} to ${maxInteger}; write it as text` });
  }
}

function containerSize(value: object, path: string, depth: number, walk: Walk): number | undefined {
  const { issues } = walk;
  if (depth > maxDepth) {
    issues.push({ path, message: `nested deeper than ${maxDepth}` });
    return undefined;
  }
  const isArray = Array.isArray(value);
  walk.nodes += isArray ? value.length : Object.keys(value).length;
  if (walk.nodes > maxNodes) {
    issues.push({ path, message: `more than ${maxNodes} values` });
    return undefined;
  }
  let bytes: number | undefined = 0;
  for (const [key, member] of Object.entries(value)) {
    if (!isArray) checkKey(key, path, walk);
    const ofKey = isArray ? 0 : Buffer.byteLength(key);
    const ofMember = sizeOf(member, `${path}.${key.slice(0, 40)}`, depth + 1, walk);
    bytes = bytes === undefined || ofMember === undefined ? undefined : bytes + ofKey + ofMember;
  }
  return bytes;
}

/** Members that IoT Hub adds when it shows a twin. */
const writtenByHub = ['$version', '$metadata', '$lastUpdated', '$lastUpdatedVersion'];

function checkKey(key: string, path: string, { issues }: Walk): void {
  if (writtenByHub.includes(key)) {
    issues.push({ path, message: `key "${key}" is written by IoT Hub; leave it out` });
    return;
  }
  if (key === '' || forbiddenInKey.test(key) || Buffer.byteLength(key) > maxKeyBytes) {
    const shown = JSON.stringify(key.slice(0, 40));
    const message = `key ${shown} is empty, too long, or holds ".", "$", a space or a control character`;
    issues.push({ path, message });
  }
  // Assigning this key to an object would replace its prototype.
  if (key === '__proto__') issues.push({ path, message: 'key "__proto__" is not allowed' });
}

/**
 * Merges `over` into a copy of `base`: objects member by member, any other value replaces. Members that are null are left
 * out: records and groups of earlier versions have some, and DPS and IoT Hub refuse them.
 * @param options.keepNull keeps them, in a twin that is checked afterwards (`twinIssues`): the check then names them
 */
export function mergeTwins(base: Twin, over: Twin, { keepNull = false } = {}): Twin {
  return { tags: merge(base.tags, over.tags, keepNull), desired: merge(base.desired, over.desired, keepNull) };
}

/**
 * What is merged into the twin of a device at its hub, so that it has what its row says: the members of the row, and null for those
 * that earlier rows gave it and this one does not have, which removes them. A member that the group gives too gets the value of the
 * group again. Members of the twin that no row had are not in it: they belong to others, also inside an object that a row began.
 * @param former what earlier rows gave
 * @param initial the twin that the enrollment group gives
 * @example
 * const own = (tags) => ({ tags, desired: {} });
 * twinPatch(own({ b: 2 }), { former: own({ a: 1, b: 1, c: 1 }), initial: own({ c: 0 }) }).tags; // { a: null, b: 2, c: 0 }
 */
export function twinPatch(row: Twin, { former, initial }: { readonly former: Twin; readonly initial: Twin }): Twin {
  const removed = {
    tags: removalOf(former.tags, row.tags, initial.tags),
    desired: removalOf(former.desired, row.desired, initial.desired),
  };
  return mergeTwins(removed, row, { keepNull: true });
}

type Members = Readonly<Record<string, unknown>>;

function removalOf(former: Members, row: Members, initial: Members): Record<string, unknown> {
  const removal: Record<string, unknown> = {};
  for (const [key, was] of Object.entries(former)) {
    const [is, first] = [memberOf(row, key), memberOf(initial, key)];
    const isReplaced = is !== undefined && !isObject(is);
    if (isReplaced || was === null) continue;
    const givesAnother = first !== undefined && !isObject(first) && is === undefined;
    if (isObject(was) && !givesAnother) {
      const below = removalOf(was, isObject(is) ? is : {}, isObject(first) ? first : {});
      if (Object.keys(below).length > 0) removal[key] = below;
    } else if (is === undefined) removal[key] = first ?? null;
  }
  return removal;
}

function memberOf(members: Members, key: string): unknown {
  return Object.hasOwn(members, key) ? members[key] : undefined;
}

export const emptyTwin: Twin = { tags: {}, desired: {} };

export function isEmptyTwin(twin: Twin): boolean {
  return Object.keys(twin.tags).length === 0 && Object.keys(twin.desired).length === 0;
}

function merge(
  base: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
  keepNull: boolean,
): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  for (const members of [base, over]) {
    for (const [key, value] of Object.entries(members)) {
      const before = merged[key];
      if (isObject(value)) merged[key] = merge(isObject(before) ? before : {}, value, keepNull);
      else if (value !== null || keepNull) merged[key] = value;
    }
  }
  return merged;
}

export type TwinSection = keyof Twin;

/** @returns everything that makes untrusted JSON invalid as a section of a twin */
export function twinSectionIssues(section: TwinSection, document: unknown): Issue[] {
  if (!isObject(document)) return [{ path: section, message: 'not an object' }];
  return twinIssues(section === 'tags' ? { tags: document, desired: {} } : { tags: {}, desired: document });
}
