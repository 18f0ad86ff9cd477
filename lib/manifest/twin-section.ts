import { type Twin, twinFaults } from '../devices/twin.ts';
import type { Fault } from '../errors.ts';

export type TwinSection = keyof Twin;

/** What is wrong with JSON from outside as a section of a twin. */
export function sectionFaults(section: TwinSection, document: unknown): Fault[] {
  if (!isObject(document)) return [{ path: section, message: 'not an object' }];
  return twinFaults(section === 'tags' ? { tags: document, desired: {} } : { tags: {}, desired: document });
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
