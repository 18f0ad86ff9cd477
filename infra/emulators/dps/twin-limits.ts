import type { JsonObject } from './entries/entry.ts';

/*
 * The limits of IoT Hub on the tags and desired properties of a twin, read from
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins ("Tags and properties format" and "Device twin size").
 */

/** "An 8-KB size limit on the value of tags, and a 32-KB size limit each on properties/desired and properties/reported." */
const maxSectionBytes = { tags: 8 * 1024, desired: 32 * 1024 };
/** "The maximum depth of JSON objects is 10": the page shows ten objects below `tags`, and a property in the tenth. */
const maxDepth = 10;
/** "Up to 1 KB in length." */
const maxKeyBytes = 1024;
/** "String values are UTF-8 encoded and can have a maximum length of 4 KB." */
const maxStringBytes = 4 * 1024;
const minInteger = -4503599627370496;
const maxInteger = 4503599627370495;
/** "Allowed characters exclude UNICODE control characters (segments C0 and C1), and `.`, `$`, and SP." */
const forbiddenInKey = /[\p{Cc}.$ ]/u;
/** "Numeric values (8 bytes), or Boolean values (4 bytes)." */
const numberBytes = 8;
const booleanBytes = 4;

/**
 * Checks a twin as IoT Hub does.
 * @returns the first violation, such as `tags.site: the string is longer than 4096 bytes`, or undefined
 */
export function twinViolation(tags: JsonObject = {}, desired: JsonObject = {}): string | undefined {
  return sectionViolation('tags', tags) ?? sectionViolation('desired', desired);
}

class Violation extends Error {}

function sectionViolation(section: keyof typeof maxSectionBytes, values: JsonObject): string | undefined {
  try {
    const bytes = sizeOf(values, section, 0);
    const most = maxSectionBytes[section];
    return bytes > most ? `${section}: the size is ${bytes} bytes, the limit is ${most} bytes` : undefined;
  } catch (error) {
    if (error instanceof Violation) return error.message;
    throw error;
  }
}

/**
 * The size of a value in bytes, by the rules of "Device twin size". It stops at the depth limit, so a deeply nested value cannot
 * overflow the stack.
 * @throws Violation of a rule on the value or on anything below it
 */
function sizeOf(value: unknown, path: string, depth: number): number {
  if (typeof value === 'string') return stringSize(value, path);
  if (typeof value === 'number') return numberSize(value, path);
  if (typeof value === 'boolean') return booleanBytes;
  // The answer of the service: https://github.com/Azure/azure-iot-cli-extension/issues/693
  if (value === null) throw new Violation(`${path}: Value of Property or Tag cannot be null`);
  if (typeof value !== 'object') return 0;
  if (depth > maxDepth) throw new Violation(`${path}: objects are nested deeper than ${maxDepth} levels`);
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + sizeOf(item, path, depth + 1), 0);
  return Object.entries(value).reduce(
    (sum, [key, member]) => sum + keySize(key, path) + sizeOf(member, `${path}.${key}`, depth + 1),
    0,
  );
}

function keySize(key: string, path: string): number {
  if (Buffer.byteLength(key) > maxKeyBytes) throw new Violation(`${path}: a key is longer than ${maxKeyBytes} bytes`);
  if (forbiddenInKey.test(key)) {
    const shown = JSON.stringify(key.slice(0, 40));
    throw new Violation(`${path}: the key ${shown} contains ".", "$", a space or a control character`);
  }
  return Buffer.byteLength(key);
}

function stringSize(text: string, path: string): number {
  if (Buffer.byteLength(text) > maxStringBytes) {
    throw new Violation(`${path}: the string is longer than ${maxStringBytes} bytes`);
  }
  // "Computed by counting all characters, excluding UNICODE control characters (segments C0 and C1)."
  return Buffer.byteLength(text.replaceAll(/\p{Cc}/gu, ''));
}

function numberSize(value: number, path: string): number {
  if (Number.isInteger(value) && (value < minInteger || value > maxInteger)) {
    throw new Violation(`${path}: the integer is outside ${minInteger} to ${maxInteger}`);
  }
  return numberBytes;
}
