import { createHash } from 'node:crypto';
import { canonicalJson, isObject } from '../json.ts';
import type { Facts } from './finding.ts';

/** Members that a finding shows. A record is read by people, and its size is bounded. */
const maxShown = 20;

/** Characters of a value that a finding shows. */
const maxShownLength = 200;

/** The two sides of a difference. */
export interface Sides {
  readonly expected: Facts;
  readonly seen: Facts;
}

/**
 * Compares two JSON objects member by member, at any depth. A member that is missing, null or an empty object counts as
 * absent: DPS and IoT Hub leave such members out. Lists are compared as a whole.
 * @param scope `all`: members of either side. `expected`: members of `expected` only; others are not ours
 * @returns the members that differ, by path, 20 at most; undefined when none does
 * @example
 * differing({ site: 'ams', rack: { row: 1 } }, { site: 'ber', rack: { row: 1 } }, 'all')
 * // { expected: { site: 'ams' }, seen: { site: 'ber' } }
 */
export function differing(
  expected: Readonly<Record<string, unknown>>,
  seen: Readonly<Record<string, unknown>>,
  scope: 'all' | 'expected',
): Sides | undefined {
  const wanted = leavesOf(expected);
  const found = leavesOf(seen);
  const paths = scope === 'all' ? new Set([...wanted.keys(), ...found.keys()]) : wanted.keys();
  const differ = [...paths].filter(
    (path) => canonicalJson(wanted.get(path) ?? null) !== canonicalJson(found.get(path) ?? null),
  );
  if (differ.length === 0) return undefined;
  return { expected: shown(differ, wanted), seen: shown(differ, found) };
}

/** Values that are not objects, by their path. */
function leavesOf(value: Readonly<Record<string, unknown>>, path = '', leaves = new Map<string, unknown>()) {
  for (const [key, member] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`;
    if (isObject(member)) leavesOf(member, at, leaves);
    else if (member !== null && member !== undefined) leaves.set(at, member);
  }
  return leaves;
}

function shown(paths: readonly string[], leaves: ReadonlyMap<string, unknown>): Facts {
  const sorted = [...paths].sort();
  const facts = sorted.slice(0, maxShown).map((path) => [path, shownValue(leaves.get(path) ?? null)]);
  const rest = sorted.slice(maxShown).map((path) => [path, leaves.get(path) ?? null]);
  // The digest stands for what is left out, so that an accepted finding is heard again when that changes.
  const more = rest.length === 0 ? [] : [['(more)', `${rest.length} members, ${digestOf(rest)}`]];
  return Object.fromEntries([...facts, ...more]);
}

function shownValue(value: unknown): unknown {
  const text = canonicalJson(value);
  if (text.length <= maxShownLength) return value;
  return `${text.slice(0, maxShownLength)}… (${text.length} characters, ${digestOf(value)})`;
}

/** @returns 16 hex digits */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16);
}
