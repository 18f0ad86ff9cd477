import type { Issue } from './errors.ts';

/**
 * Levels that untrusted JSON may have. A twin has ten, an order around it three, an envelope one. A twin that is a little
 * too deep reaches the check that names its row; JSON that is much too deep is never walked.
 */
const maxDepth = 20;

/**
 * Finds what makes untrusted JSON unsafe to walk or merge: nesting that would overflow the stack of a recursive function,
 * or a key `__proto__`, which would replace an object's prototype.
 * @returns the first such place, or undefined
 */
export function untrustedJsonIssue(value: unknown, path = '', depth = 0): Issue | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  if (depth > maxDepth) return { path: path.slice(0, 200), message: `nested deeper than ${maxDepth}` };
  for (const [key, member] of Object.entries(value)) {
    const inner = path === '' ? key.slice(0, 40) : `${path}.${key.slice(0, 40)}`;
    if (key === '__proto__') return { path: inner.slice(0, 200), message: '"__proto__" is not allowed as a key' };
    const issue = untrustedJsonIssue(member, inner, depth + 1);
    if (issue !== undefined) return issue;
  }
  return undefined;
}

/**
 * JSON with the keys of each object sorted, so that equal content gives equal text. Keys are ordered by UTF-16 code units
 * and values are written as in RFC 8785. One difference: RFC 8785 forbids lone surrogates, which rows may contain; they are
 * escaped here. Digests of this text are stored, so it must not change.
 * @param value JSON; members that are undefined are left out
 * @example
 * canonicalJson({ b: 1, a: [true] }) // '{"a":[true],"b":1}'
 */
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
