import { type DelegatedCa, type DelegatedCaStore, delegatedCaState } from '../../lib/authorities/delegated-ca.ts';

/** Records of delegated CAs in memory, held to the same contract as the real store. */
export function createMemoryDelegatedCaStore(): DelegatedCaStore & { all(): readonly DelegatedCa[] } {
  const documents = new Map<string, { value: DelegatedCa; etag: string }>();
  let version = 0;
  const put = (value: DelegatedCa): string => {
    const etag = `"${++version}"`;
    documents.set(value.id, { value: structuredClone(value), etag });
    return etag;
  };
  const keyOf = ({ reservedAt, id }: DelegatedCa) => `${reservedAt} ${id}`;
  const newestFirst = () =>
    [...documents.values()].map(({ value }) => value).sort((a, b) => (keyOf(a) > keyOf(b) ? -1 : 1));
  return {
    all: newestFirst,
    async create(ca) {
      return documents.has(ca.id) ? undefined : put(ca);
    },
    async read(id) {
      return structuredClone(documents.get(id));
    },
    async replace({ value, etag }) {
      return documents.get(value.id)?.etag === etag ? put(value) : undefined;
    },
    async list({ enrollmentGroups, state, signsUntilBefore }, { size, continuation }) {
      const found = newestFirst().filter(
        (ca) =>
          (continuation === undefined || keyOf(ca) < continuation) &&
          (enrollmentGroups === undefined || enrollmentGroups.includes(ca.enrollmentGroup)) &&
          (state === undefined || delegatedCaState(ca) === state) &&
          (signsUntilBefore === undefined || ca.signsUntil < signsUntilBefore),
      );
      const items = structuredClone(found.slice(0, size));
      const last = items.at(-1);
      return found.length > size && last !== undefined ? { items, continuation: keyOf(last) } : { items };
    },
  };
}
