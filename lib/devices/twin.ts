import type { Issue } from '../errors.ts';
import { isObject } from '../json.ts';

/** What a device's twin starts with. Values are JSON. */
export interface Twin {
  readonly tags: Readonly<Record<string, unknown>>;
  readonly desired: Readonly<Record<string, unknown>>;
}

/*
 * Limits of an IoT Hub twin, https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins:
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
 * Everything in the twin that IoT Hub would refuse; paths begin with `tags` or `desired`. Looks no deeper than the limit,
 * and what is too deep is not measured, so that a twin from outside cannot make anybody run out of stack.
 */
export function twinIssues(twin: Twin): Issue[] {
  const faults: Issue[] = [];
  for (const section of ['tags', 'desired'] as const) {
    if (!check(twin[section], section, 0, faults)) continue;
    const bytes = Buffer.byteLength(JSON.stringify(twin[section]));
    if (bytes > sectionBytes[section]) {
      faults.push({ path: section, message: `${bytes} bytes where IoT Hub takes ${sectionBytes[section]}` });
    }
  }
  return faults;
}

/** @returns whether the value may be walked: it is not nested deeper than the limit */
function check(value: unknown, path: string, depth: number, faults: Issue[]): boolean {
  if (depth > maxDepth) {
    faults.push({ path, message: `nested deeper than ${maxDepth}` });
    return false;
  }
  let walkable = true;
  if (typeof value === 'string') {
    if (Buffer.byteLength(value) > maxStringBytes)
      faults.push({ path, message: `longer than ${maxStringBytes} bytes` });
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) faults.push({ path, message: 'not a number' });
    if (Number.isInteger(value) && (value < minInteger || value > maxInteger)) {
      faults.push({ path, message: `outside ${minInteger} to ${maxInteger}` });
    }
  } else if (value !== null && typeof value === 'object') {
    for (const [key, member] of Object.entries(value)) {
      if (!Array.isArray(value) && (key === '' || forbiddenInKey.test(key) || Buffer.byteLength(key) > maxKeyBytes)) {
        faults.push({
          path,
          message: `key ${JSON.stringify(key.slice(0, 40))} is empty, too long, or holds ".", "$", a space or a control character`,
        });
      }
      // Assigned to an object, this key would replace its prototype instead of becoming a member.
      if (key === '__proto__') faults.push({ path, message: 'key "__proto__" is not taken' });
      walkable = check(member, `${path}.${key.slice(0, 40)}`, depth + 1, faults) && walkable;
    }
  }
  return walkable;
}

/** `over` laid on `base`: objects merge member by member, everything else replaces. */
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

/** What is wrong with JSON from outside as a section of a twin. */
export function twinSectionIssues(section: TwinSection, document: unknown): Issue[] {
  if (!isObject(document)) return [{ path: section, message: 'not an object' }];
  return twinIssues(section === 'tags' ? { tags: document, desired: {} } : { tags: {}, desired: document });
}
