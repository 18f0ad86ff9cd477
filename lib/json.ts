import type { Issue } from './errors.ts';

/**
 * Levels that untrusted JSON may have. A twin has ten, an order around it three, an envelope one. A twin that is a little
 * too deep reaches the check that names its row; JSON that is much too deep is never walked.
 */
const maxDepth = 20;

/**
 * Values that untrusted JSON may have: members of objects and items of arrays, at any depth. JSON of N bytes has at most N/2
 * of them, so the largest twin (40 KB) and the largest order (64 KiB) stay below. A walk over this many takes milliseconds.
 */
export const maxNodes = 50_000;

/**
 * Finds what makes untrusted JSON unsafe to walk or merge: nesting that would overflow the stack of a recursive function,
 * more values than an event loop should spend its time on, or a key `__proto__`, which would replace an object's prototype.
 * It looks at 50,000 values at most. Call it before anything else walks the value.
 * @param path of the value, for the issue
 * @returns the first such place, or undefined
 */
export function untrustedJsonIssue(value: unknown, path = ''): Issue | undefined {
  let nodes = 0;

  function issueIn(node: unknown, at: string, depth: number): Issue | undefined {
    if (node === null || typeof node !== 'object') return undefined;
    if (depth > maxDepth) return { path: at.slice(0, 200), message: `nested deeper than ${maxDepth}` };
    // Counted before the members are visited: a list of them would be as large as the value.
    const keys = Array.isArray(node) ? undefined : Object.keys(node);
    nodes += keys === undefined ? (node as unknown[]).length : keys.length;
    if (nodes > maxNodes) return { path: at.slice(0, 200), message: `more than ${maxNodes} values` };
    for (const key of keys ?? (node as unknown[]).keys()) {
      const inner = at === '' ? String(key).slice(0, 40) : `${at}.${String(key).slice(0, 40)}`;
      if (key === '__proto__') return { path: inner.slice(0, 200), message: '"__proto__" is not allowed as a key' };
      const issue = issueIn((node as Record<string | number, unknown>)[key], inner, depth + 1);
      if (issue !== undefined) return issue;
    }
    return undefined;
  }

  return issueIn(value, path, 0);
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
