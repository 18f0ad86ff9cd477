import * as z from 'zod';
import { isObject, untrustedJsonIssue } from '../json.ts';

/** Keys of the sender, such as company, plant and item. They are kept and shown on the job, and never read. */
export type OrderReference = Readonly<Record<string, unknown>>;

/** Longest reference, in bytes of JSON. It travels in the metadata of a blob, which has 8 KB in all. */
export const maxReferenceBytes = 2048;

export const orderReference = z
  .custom<OrderReference>(isObject, 'expected a JSON object')
  .superRefine((reference, context) => {
    const untrusted = untrustedJsonIssue(reference);
    const bytes = untrusted === undefined ? Buffer.byteLength(JSON.stringify(reference)) : 0;
    const tooLong =
      bytes > maxReferenceBytes ? `${bytes} bytes of JSON (expected at most ${maxReferenceBytes})` : undefined;
    const message = untrusted?.message ?? tooLong;
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });
