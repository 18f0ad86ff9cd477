import * as z from 'zod';
import { excerpt } from './errors.ts';
import { didYouMean } from './suggest.ts';

/** Unknown members that one message names. */
const maxNamed = 10;

/**
 * An object without other members, as `z.strictObject` makes it. Its message for an unknown member names the one that was
 * meant.
 * @example
 * strictObject({ orderId: z.string() }).safeParse({ OrderId: 'PO-1' });
 * // Unrecognized key: "OrderId" (did you mean orderId?)
 */
export function strictObject<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? unknownMembers(issue.keys, Object.keys(shape)) : undefined),
  });
}

function unknownMembers(keys: readonly string[], known: readonly string[]): string {
  const named = keys.slice(0, maxNamed).map((key) => `${JSON.stringify(excerpt(key))}${didYouMean(key, known)}`);
  const more = keys.length > maxNamed ? ` and ${keys.length - maxNamed} more` : '';
  return `Unrecognized ${keys.length === 1 ? 'key' : 'keys'}: ${named.join(', ')}${more}`;
}
