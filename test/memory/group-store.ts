import type { GroupRecord, GroupStore, RootCa } from '../../lib/groups/group.ts';

/** Enrollment groups in memory, held to the same contract as the real store. */
export function createMemoryGroupStore(): GroupStore {
  const groups = new Map<string, { value: GroupRecord; etag: string }>();
  let version = 0;
  let root: { value: RootCa; etag: string } | undefined;
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
      return structuredClone(root);
    },
    async keepRoot(value) {
      root ??= { value: structuredClone(value), etag: `"${++version}"` };
      return structuredClone(root);
    },
    async replaceRoot({ value, etag }) {
      if (root?.etag !== etag) return undefined;
      root = { value: structuredClone(value), etag: `"${++version}"` };
      return root.etag;
    },
  };
}
