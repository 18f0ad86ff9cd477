import { z } from 'zod';

/** One of the words in any case, as the .NET services read enums. The output has the spelling of `words`. */
export function anyCase<const Word extends string>(words: readonly Word[]) {
  return z.string().transform((text, context): Word => {
    const found = words.find((word) => word.toLowerCase() === text.toLowerCase());
    if (found !== undefined) return found;
    context.addIssue({ code: 'custom', message: `expected one of ${words.join(', ')}` });
    return z.NEVER;
  });
}

/** Clients send null or an empty string for a key or thumbprint that they do not have. */
export function orEmpty<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => (value === '' ? undefined : (value ?? undefined)), schema.optional()).optional();
}
