import type { Container, Database, PatchOperation } from '@azure/cosmos';
import pMap from 'p-map';
import { FleetError } from '../errors.ts';
import type { Outbox, OwedEvent, Owing, OwingDocument } from '../outbox.ts';
import { cosmosContainers } from '../resource-names.ts';
import { callingCosmos, createDocument, ifMatch, maxWriteAttempts, readDocument } from './cosmos.ts';
import { unlessStatus } from './service-errors.ts';

/** The containers whose documents can owe events, and their partition keys. */
const places: Readonly<Record<string, string>> = {
  [cosmosContainers.jobs]: 'jobId',
  [cosmosContainers.devices]: 'id',
  [cosmosContainers.findings]: 'kind',
  [cosmosContainers.deadLetters]: 'queue',
  [cosmosContainers.events]: 'stream',
};

/** The stream of facts that no other document has. Webhooks have others (cosmos-events.ts). */
const noticeStream = 'notices';

/** A CA is announced up to 60 days before it ends, so a notice that is deleted is not created again. */
const noticeTtlSeconds = 400 * 24 * 60 * 60;

/** Documents written at once. */
const writesAtOnce = 16;

interface OwingRow extends Required<Pick<Owing, 'outbox'>> {
  readonly id: string;
  readonly partition: string;
  readonly _etag: string;
}

/** Events that documents owe: their member `outbox`, found by the index of `owedSince`. */
export function createCosmosOutbox(database: Pick<Database, 'container'>): Outbox {
  async function owingIn(place: string, limit: number): Promise<OwingDocument[]> {
    const query = `SELECT c.id, c.${places[place]} AS partition, c._etag, c.outbox FROM c WHERE c.owedSince > ''`;
    const pages = database.container(place).items.query<OwingRow>(query, { maxItemCount: limit });
    const found: OwingDocument[] = [];
    while (pages.hasMoreResults() && found.length < limit) {
      const { resources } = await callingCosmos(() => pages.fetchNext());
      for (const { id, partition, _etag: etag, outbox } of resources ?? []) {
        found.push({ place: placeOf(place, partition), id, etag, events: outbox });
      }
    }
    return found.slice(0, limit);
  }

  return {
    async note(event) {
      const owing: Owing = { outbox: [event], owedSince: event.time };
      const document = { id: event.id, stream: noticeStream, ttl: noticeTtlSeconds, ...owing };
      await createDocument(database.container(cosmosContainers.events), document);
    },

    async owing(limit) {
      const found: OwingDocument[] = [];
      for (const place of Object.keys(places)) {
        if (found.length < limit) found.push(...(await owingIn(place, limit - found.length)));
      }
      return found;
    },

    async settle(sent) {
      await pMap(sent, (document) => settleOne(database, document), { concurrency: writesAtOnce });
    },
  };
}

async function settleOne(database: Pick<Database, 'container'>, { place, id, etag, events }: OwingDocument) {
  const { name, partition } = partsOf(place);
  const container = database.container(name);
  const isSent = new Set(events.map((event) => event.id));
  let left: readonly OwedEvent[] = [];
  let current = etag;
  for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
    if (await takeOff(container, { id, partition }, current, left)) return;
    // It changed since it was read. Events that it owes since then stay owed.
    const read = await readDocument<Owing>(container, { id, partition });
    const owed = read?.value.outbox ?? [];
    if (read === undefined || !owed.some((event) => isSent.has(event.id))) return;
    left = owed.filter((event) => !isSent.has(event.id));
    current = read.etag;
  }
  throw new FleetError('concurrent-change', `Document ${id} changes faster than its sent events can be taken off.`);
}

/** @returns false when the document changed or was deleted since it was read */
async function takeOff(
  container: Container,
  { id, partition }: { readonly id: string; readonly partition: string },
  etag: string,
  left: readonly OwedEvent[],
): Promise<boolean> {
  const [first] = left;
  const operations: PatchOperation[] =
    first === undefined
      ? [
          { op: 'remove', path: '/outbox' },
          { op: 'remove', path: '/owedSince' },
        ]
      : [
          { op: 'set', path: '/outbox', value: left },
          { op: 'set', path: '/owedSince', value: first.time },
        ];
  const patched = await unlessStatus([404, 412], () =>
    callingCosmos(() => container.item(id, partition).patch(operations, { accessCondition: ifMatch(etag) })),
  );
  return patched !== undefined;
}

/** A container and a partition as one text. No container has a slash in its name. */
function placeOf(name: string, partition: string): string {
  return `${name}/${partition}`;
}

function partsOf(place: string): { readonly name: string; readonly partition: string } {
  const slash = place.indexOf('/');
  return { name: place.slice(0, slash), partition: place.slice(slash + 1) };
}
