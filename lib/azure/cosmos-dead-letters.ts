import type { Container } from '@azure/cosmos';
import type { DeadLetter, DeadLetterStore } from '../jobs/dead-letters.ts';
import { type SystemProperties, withoutSystemProperties } from './cosmos-document.ts';
import { calling, statusOf } from './service-errors.ts';

type LetterDocument = DeadLetter & SystemProperties;

/** A reason outlives the deliveries of its message: 7 days is the life of a queue message. */
const reasonSeconds = 7 * 24 * 60 * 60;

/** Dead letters in container `dead-letters`, partition key `/queue`; reasons of failures lie beside them for a while. */
export function createCosmosDeadLetterStore(container: Container): DeadLetterStore {
  const reasonId = (id: string) => `reason-${id}`;
  const readItem = async <T extends object>(id: string, queue: string) =>
    (await calling('Cosmos DB', () => container.item(id, queue).read<T & { id: string }>())).resource as T | undefined;

  return {
    async noteReason(id, queue, reason) {
      await calling('Cosmos DB', () => container.items.upsert({ id: reasonId(id), queue, reason, ttl: reasonSeconds }));
    },

    async readReason(id, queue) {
      return (await readItem<Pick<DeadLetter, 'reason'>>(reasonId(id), queue))?.reason;
    },

    async put(letter) {
      const before = await readItem<LetterDocument>(letter.id, letter.queue);
      const times = (before?.times ?? 0) + 1;
      await calling('Cosmos DB', () => container.items.upsert({ ...letter, times, type: 'letter' }));
    },

    async list({ size, continuation, queue }) {
      const conditions = ["c.type = 'letter'"];
      if (queue !== undefined) conditions.push('c.queue = @queue');
      if (continuation !== undefined) conditions.push('c.id > @after');
      const parameters = [
        { name: '@queue', value: queue ?? '' },
        { name: '@after', value: continuation ?? '' },
      ].filter(({ name }) => conditions.some((condition) => condition.endsWith(name)));
      const spec = { query: `SELECT * FROM c WHERE ${conditions.join(' AND ')} ORDER BY c.id`, parameters };
      const query = container.items.query<LetterDocument & { type: string }>(spec, { maxItemCount: size + 1 });
      const documents: DeadLetter[] = [];
      while (query.hasMoreResults() && documents.length <= size) {
        const { resources } = await calling('Cosmos DB', () => query.fetchNext());
        for (const { type: _type, ...document } of resources ?? []) documents.push(withoutSystemProperties(document));
      }
      const items = documents.slice(0, size);
      const last = items.at(-1);
      return documents.length > size && last !== undefined ? { items, continuation: last.id } : { items };
    },

    async remove({ id, queue }) {
      try {
        await calling('Cosmos DB', () => container.item(id, queue).delete());
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
      }
    },
  };
}
