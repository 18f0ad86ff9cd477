import type { Issue } from './errors.ts';

/**
 * Levels that JSON from outside may have. A twin has ten, an order around it three, an envelope one: what is a little too
 * deep reaches the rules that name its row, what is far too deep is never walked.
 */
const maxDepth = 20;

/**
 * What must not be walked or merged in JSON from outside: nesting that would run a recursive function out of stack, and a
 * key that, assigned to an object, would replace its prototype instead of becoming a member.
 * @returns the first such place
 */
export function untrustedJsonIssue(value: unknown, path = '', depth = 0): Issue | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  if (depth > maxDepth) return { path: path.slice(0, 200), message: `nested deeper than ${maxDepth}` };
  for (const [key, member] of Object.entries(value)) {
    const inner = path === '' ? key.slice(0, 40) : `${path}.${key.slice(0, 40)}`;
    if (key === '__proto__') return { path: inner.slice(0, 200), message: '"__proto__" is not taken as a key' };
    const fault = untrustedJsonIssue(member, inner, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** JSON with the keys of every object in order of their UTF-16 code units, as RFC 8785 orders: equal content, equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  let members = '';
  for (const key of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined) members += `${members === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/** True for a JSON object: not null, not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
