import type { Container } from '@azure/cosmos';
import { type DelegatedCa, type DelegatedCaStore, delegatedCaState } from '../authorities/delegated-ca.ts';
import { type Condition, createDocument, pageByKey, readDocument, replaceDocument } from './cosmos.ts';

/** A record, with members for its list. */
interface DelegatedCaDocument extends DelegatedCa {
  readonly state: ReturnType<typeof delegatedCaState>;
  /** Sorts by time. */
  readonly listKey: string;
  readonly ttl: number;
}

/** Seconds from the last write to 400 days after `notAfter`, which the EST server needs (`DelegatedCaStore`). */
const keptSeconds = 400 * 24 * 60 * 60;

/** Records of delegated CAs in container `delegated-cas`, partition key `/id`. */
export function createCosmosDelegatedCaStore(container: Container, now: () => Date): DelegatedCaStore {
  const toDocument = (ca: DelegatedCa): DelegatedCaDocument => ({
    ...ca,
    state: delegatedCaState(ca),
    listKey: `${ca.reservedAt} ${ca.id}`,
    ttl: keptSeconds + Math.max(0, Math.ceil((Date.parse(ca.notAfter) - now().getTime()) / 1000)),
  });

  return {
    create: (ca) => createDocument(container, toDocument(ca)),

    replace: ({ value, etag }) => replaceDocument(container, value.id, { value: toDocument(value), etag }),

    async read(id) {
      const found = await readDocument<DelegatedCaDocument>(container, { id, partition: id });
      return found && { value: toRecord(found.value), etag: found.etag };
    },

    async list({ enrollmentGroups, state, signsUntilBefore }, page) {
      if (enrollmentGroups?.length === 0) return { items: [] };
      const where: Condition[] = [
        ['c.enrollmentGroup IN (?)', enrollmentGroups],
        ['c.state = ?', state],
        ['c.signsUntil < ?', signsUntilBefore],
      ];
      const found = await pageByKey<DelegatedCaDocument>(container, { where, orderBy: 'c.listKey DESC' }, page);
      return { ...found, items: found.items.map(toRecord) };
    },
  };
}

function toRecord({ state: _state, listKey: _listKey, ttl: _ttl, ...ca }: DelegatedCaDocument): DelegatedCa {
  return ca;
}
