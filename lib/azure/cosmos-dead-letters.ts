import type { Container } from '@azure/cosmos';
import { FleetError } from '../errors.ts';
import type { DeadLetter, DeadLetterStore } from '../jobs/dead-letters.ts';
import { callingCosmos, createDocument, maxWriteAttempts, pageByKey, readDocument, replaceDocument } from './cosmos.ts';

type LetterDocument = DeadLetter & { readonly type: 'letter' | 'redriven'; readonly ttl?: number };

/** A message is delivered again within minutes. A week covers an app that is stopped between two deliveries. */
const reasonTtlSeconds = 7 * 24 * 60 * 60;

/** Long enough to answer which letters a redrive sent again. */
const redrivenTtlSeconds = 30 * 24 * 60 * 60;

const reasonId = (id: string) => `reason-${id}`;

/**
 * Dead letters in container `dead-letters`, partition key `/queue`. Beside each letter lies, for a week, the reason of the
 * message's latest failure.
 */
export function createCosmosDeadLetterStore(container: Container): DeadLetterStore {
  return {
    async noteReason(id, queue, reason) {
      // An upsert: the latest reason replaces any earlier one, so there is no version that must not be overwritten.
      const document = { id: reasonId(id), queue, reason, ttl: reasonTtlSeconds };
      await callingCosmos(() => container.items.upsert(document));
    },

    async readReason(id, queue) {
      const key = { id: reasonId(id), partition: queue };
      return (await readDocument<Pick<DeadLetter, 'reason'>>(container, key))?.value.reason;
    },

    async put(letter) {
      const { id, queue } = letter;
      for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
        const before = await readDocument<LetterDocument>(container, { id, partition: queue });
        const value = { ...letter, times: (before?.value.times ?? 0) + 1, type: 'letter' };
        const etag =
          before === undefined
            ? await createDocument(container, value)
            : await replaceDocument(container, queue, { value, etag: before.etag });
        if (etag !== undefined) return;
      }
      throw new FleetError('concurrent-change', `Dead letter ${id} arrives faster than it can be counted.`);
    },

    async list({ queue, redriven = false, ...page }) {
      const where = { 'c.type =': redriven ? 'redriven' : 'letter', 'c.queue =': queue };
      const letters = await pageByKey<LetterDocument>(container, { where, orderBy: 'c.id ASC' }, page);
      return { ...letters, items: letters.items.map(({ type: _type, ttl: _ttl, ...letter }) => letter) };
    },

    async noteRedriven({ id, queue, times }, redriven) {
      const found = await readDocument<LetterDocument>(container, { id, partition: queue });
      if (found?.value.times !== times) return;
      const value = { ...found.value, redriven, type: 'redriven', ttl: redrivenTtlSeconds };
      await replaceDocument(container, queue, { value, etag: found.etag });
    },
  };
}
