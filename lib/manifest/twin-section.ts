import { type Twin, twinFaults } from '../devices/twin.ts';
import type { Fault } from '../errors.ts';

export type TwinSection = keyof Twin;

/** Depth of an IoT Hub twin, https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-device-twins. */
const maxDepth = 10;

/**
 * What is wrong with JSON from outside as a section of a twin. Looks at depth first, and no deeper than the limit:
 * whatever walks the document afterwards cannot be made to run out of stack.
 */
export function sectionFaults(section: TwinSection, document: unknown): Fault[] {
  if (!isObject(document)) return [{ path: section, message: 'not an object' }];
  const hostile = hostileMember(document, section, 0);
  if (hostile !== undefined) return [hostile];
  return twinFaults(section === 'tags' ? { tags: document, desired: {} } : { tags: {}, desired: document });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function hostileMember(value: object, path: string, depth: number): Fault | undefined {
  if (depth > maxDepth) return { path, message: `nested deeper than ${maxDepth}` };
  for (const [key, member] of Object.entries(value)) {
    const inner = `${path}.${key.slice(0, 40)}`;
    // Assigned to an object, this key would replace its prototype instead of becoming a member.
    if (key === '__proto__') return { path: inner, message: '"__proto__" is no key of a twin' };
    if (member === null || typeof member !== 'object') continue;
    const fault = hostileMember(member, inner, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
