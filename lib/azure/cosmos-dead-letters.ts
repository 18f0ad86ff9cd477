import type { Container } from '@azure/cosmos';
import { FleetError } from '../errors.ts';
import type { DeadLetter, DeadLetterStore } from '../jobs/dead-letters.ts';
import { type SystemProperties, withoutSystemProperties } from './cosmos.ts';
import { calling, statusOf } from './service-errors.ts';

type LetterDocument = DeadLetter & SystemProperties;

/** The deliveries of a message come within minutes; a week also bears an app that is stopped between two of them. */
const reasonSeconds = 7 * 24 * 60 * 60;

/** Tries of a write that others overtook; each try reads anew, so more than a few mean a fault. */
const maxTries = 20;

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
      const { id, queue } = letter;
      for (let tries = 1; tries <= maxTries; tries++) {
        const before = await readItem<LetterDocument>(id, queue);
        const document = { ...letter, times: (before?.times ?? 0) + 1, type: 'letter' };
        const written = await unlessOvertaken(() =>
          before === undefined
            ? container.items.create(document)
            : container.item(id, queue).replace(document, ifStill(before)),
        );
        if (written) return;
      }
      throw new FleetError('concurrent-change', `Dead letter ${id} comes faster than it can be counted.`);
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

    async remove({ id, queue, times }) {
      const found = await readItem<LetterDocument>(id, queue);
      if (found?.times === times) await unlessOvertaken(() => container.item(id, queue).delete(ifStill(found)));
    },
  };
}

const ifStill = ({ _etag }: SystemProperties) => ({ accessCondition: { type: 'IfMatch', condition: _etag } });

/** @returns false when somebody else made, changed (409, 412) or removed (404) the document meanwhile */
async function unlessOvertaken(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await calling('Cosmos DB', write);
    return true;
  } catch (error) {
    if (![404, 409, 412].includes(statusOf(error) ?? 0)) throw error;
    return false;
  }
}
