import type { Container } from '@azure/cosmos';
import { FleetError } from '../errors.ts';
import {
  type DeadLetter,
  type DeadLetterStore,
  inPlaceOf,
  type LetterCount,
  type LetterState,
} from '../jobs/dead-letters.ts';
import {
  type Condition,
  callingCosmos,
  createDocument,
  maxWriteAttempts,
  measuredQuery,
  pageByKey,
  readDocument,
  replaceDocument,
} from './cosmos.ts';

type LetterDocument = DeadLetter & { readonly type: LetterType; readonly ttl?: number };
type LetterType = 'letter' | 'redriven' | 'discarded';

const typeOf: Readonly<Record<LetterState, LetterType>> = {
  waiting: 'letter',
  redriven: 'redriven',
  discarded: 'discarded',
};

/** A message is delivered again within minutes. A week covers an app that is stopped between two deliveries. */
const daySeconds = 24 * 60 * 60;
const reasonTtlSeconds = 7 * daySeconds;

const reasonId = (id: string) => `reason-${id}`;

/**
 * Dead letters in container `dead-letters`, partition key `/queue`. Beside each letter lies, for a week, the reason of the
 * message's latest failure.
 * @param options.retentionDays after which a letter that was redriven or discarded is deleted. Absent: it is kept. One that waits
 * always is
 */
export function createCosmosDeadLetterStore(
  container: Container,
  { retentionDays }: { readonly retentionDays?: number | undefined } = {},
): DeadLetterStore {
  const expiry = retentionDays === undefined ? {} : { ttl: retentionDays * daySeconds };

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
        const counted = { ...letter, times: (before?.value.times ?? 0) + 1, type: 'letter' };
        const value = inPlaceOf(counted, before?.value);
        const etag =
          before === undefined
            ? await createDocument(container, value)
            : await replaceDocument(container, queue, { value, etag: before.etag });
        if (etag !== undefined) return;
      }
      throw new FleetError('concurrent-change', `Dead letter ${id} arrives faster than it can be counted.`);
    },

    async list({ queue, code, ids, state = 'waiting', ...page }) {
      const where: Condition[] = [
        ['c.type = ?', typeOf[state]],
        ['c.queue = ?', queue],
        ['c.reason.code = ?', code],
        ['c.id IN (?)', ids],
      ];
      if (ids?.length === 0) return { items: [] };
      const letters = await pageByKey<LetterDocument>(container, { where, orderBy: 'c.id ASC' }, page);
      return { ...letters, items: letters.items.map(toLetter) };
    },

    async read(id) {
      const where: Condition[] = [
        ['c.id = ?', id],
        ['c.type IN (?)', Object.values(typeOf)],
      ];
      const { items } = await pageByKey<LetterDocument>(container, { where, orderBy: 'c.id ASC' }, { size: 1 });
      return items[0] && toLetter(items[0]);
    },

    countByReason() {
      const fields = 'c.queue, c.reason.code';
      const query = `SELECT ${fields}, COUNT(1) AS letters FROM c WHERE c.type = 'letter' GROUP BY ${fields}`;
      return measuredQuery<LetterCount>(container, { query });
    },

    async noteRedriven({ id, queue, times }, redriven) {
      const found = await readDocument<LetterDocument>(container, { id, partition: queue });
      if (found?.value.times !== times) return;
      const { discarded: _, ttl: __, ...letter } = found.value;
      const value = { ...letter, redriven, type: 'redriven', ...expiry };
      await replaceDocument(container, queue, { value, etag: found.etag });
    },

    async noteDiscarded({ id, queue, times }, discarded) {
      const found = await readDocument<LetterDocument>(container, { id, partition: queue });
      if (found?.value.times !== times || found.value.type !== 'letter') return false;
      const value = { ...found.value, discarded, type: 'discarded', ...expiry };
      return (await replaceDocument(container, queue, { value, etag: found.etag })) !== undefined;
    },
  };
}

function toLetter({ type: _type, ttl: _ttl, ...letter }: LetterDocument): DeadLetter {
  return letter;
}
