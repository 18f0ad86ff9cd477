import type { GroupRecord } from '../../lib/enrollment/group.ts';
import type { GroupStore } from '../../lib/enrollment/group-store.ts';

/** Enrollment groups in memory, held to the same contract as the real store. */
export function createMemoryGroupStore(): GroupStore {
  const groups = new Map<string, { value: GroupRecord; etag: string }>();
  let version = 0;
  let root: string | undefined;
  const put = (value: GroupRecord): string => {
    const etag = `"${++version}"`;
    groups.set(value.id, { value: structuredClone(value), etag });
    return etag;
  };
  return {
    async all() {
      return structuredClone([...groups.values()]);
    },
    async read(id) {
      return structuredClone(groups.get(id));
    },
    async create(group) {
      return groups.has(group.id) ? undefined : put(group);
    },
    async replace({ value, etag }) {
      return groups.get(value.id)?.etag === etag ? put(value) : undefined;
    },
    async readRoot() {
      return root;
    },
    async keepRoot(certificatePem) {
      root ??= certificatePem;
      return root;
    },
  };
}
