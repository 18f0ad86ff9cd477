import type { Issue } from '../errors.ts';
import { isObject, maxNodes } from '../json.ts';

/** Tags and desired properties with which a device's twin begins. Values are JSON. */
export interface Twin {
  readonly tags: Readonly<Record<string, unknown>>;
  readonly desired: Readonly<Record<string, unknown>>;
}

/*
 * Limits of a twin in IoT Hub, https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins:
 * tags 8 KB, desired 32 KB, depth 10, keys up to 1 KB without control characters, ".", "$" and space,
 * string values up to 4 KB, integers within 53 bits less one.
 */
const sectionBytes = { tags: 8 * 1024, desired: 32 * 1024 };
const maxDepth = 10;
const maxKeyBytes = 1024;
const maxStringBytes = 4 * 1024;
const minInteger = -4503599627370496;
const maxInteger = 4503599627370495;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what the rule forbids
const forbiddenInKey = /[\u0000-\u001f\u007f-\u009f.$ ]/;

/**
 * Finds everything in a twin that IoT Hub would refuse. Values nested too deeply, and sections of too many values, are
 * neither walked nor measured, so that untrusted input cannot overflow the stack or block the event loop.
 * @returns one issue per violation, with a path that begins with `tags` or `desired`; empty when the twin is valid
 */
export function twinIssues(twin: Twin): Issue[] {
  const issues: Issue[] = [];
  for (const section of ['tags', 'desired'] as const) {
    if (!isWalkable(twin[section], section, 0, { issues, nodes: 0 })) continue;
    const bytes = Buffer.byteLength(JSON.stringify(twin[section]));
    if (bytes > sectionBytes[section]) {
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

/** Adds the issues of a value. @returns false when it is too deep or has too many values, so it must not be walked */
function isWalkable(value: unknown, path: string, depth: number, walk: Walk): boolean {
  const { issues } = walk;
  if (depth > maxDepth) {
    issues.push({ path, message: `nested deeper than ${maxDepth}` });
    return false;
  }
  let walkable = true;
  if (typeof value === 'string') {
    if (Buffer.byteLength(value) > maxStringBytes)
      issues.push({ path, message: `longer than ${maxStringBytes} bytes` });
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) issues.push({ path, message: 'not a number' });
    if (Number.isInteger(value) && (value < minInteger || value > maxInteger)) {
      issues.push({ path, message: `outside ${minInteger} to ${maxInteger}` });
    }
  } else if (value !== null && typeof value === 'object') {
    walk.nodes += Array.isArray(value) ? value.length : Object.keys(value).length;
    if (walk.nodes > maxNodes) {
      issues.push({ path, message: `more than ${maxNodes} values` });
      return false;
    }
    for (const [key, member] of Object.entries(value)) {
      if (!Array.isArray(value) && (key === '' || forbiddenInKey.test(key) || Buffer.byteLength(key) > maxKeyBytes)) {
        issues.push({
          path,
          message: `key ${JSON.stringify(key.slice(0, 40))} is empty, too long, or holds ".", "$", a space or a control character`,
        });
      }
      // Assigning this key to an object would replace its prototype.
      if (key === '__proto__') issues.push({ path, message: 'key "__proto__" is not allowed' });
      walkable = isWalkable(member, `${path}.${key.slice(0, 40)}`, depth + 1, walk) && walkable;
    }
  }
  return walkable;
}

/** Merges `over` into a copy of `base`: objects member by member, any other value replaces. */
export function mergeTwins(base: Twin, over: Twin): Twin {
  return { tags: merge(base.tags, over.tags), desired: merge(base.desired, over.desired) };
}

export function isEmptyTwin(twin: Twin): boolean {
  return Object.keys(twin.tags).length === 0 && Object.keys(twin.desired).length === 0;
}

function merge(
  base: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    merged[key] = isObject(before) && isObject(value) ? merge(before, value) : value;
  }
  return merged;
}

export type TwinSection = keyof Twin;

/** @returns everything that makes untrusted JSON invalid as a section of a twin */
export function twinSectionIssues(section: TwinSection, document: unknown): Issue[] {
  if (!isObject(document)) return [{ path: section, message: 'not an object' }];
  return twinIssues(section === 'tags' ? { tags: document, desired: {} } : { tags: {}, desired: document });
}
