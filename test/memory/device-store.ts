import type { DeviceRecord, DeviceStore } from '../../lib/devices/device.ts';

/** Device records in memory, held to the same contract as the real store. */
export function createMemoryDeviceStore(): DeviceStore & { readonly records: ReadonlyMap<string, DeviceRecord> } {
  const documents = new Map<string, { value: DeviceRecord; etag: string }>();
  let version = 0;
  const put = (value: DeviceRecord): string => {
    const etag = `"${++version}"`;
    documents.set(value.id, { value: structuredClone(value), etag });
    return etag;
  };
  const sorted = () => [...documents.values()].map(({ value }) => value).sort((a, b) => (a.id < b.id ? -1 : 1));

  return {
    get records() {
      return new Map(sorted().map((record) => [record.id, record]));
    },
    async create(records) {
      return records.map((record) => (documents.has(record.id) ? undefined : put(record)));
    },
    async read(ids) {
      return ids.map((id) => structuredClone(documents.get(id)));
    },
    async replace(records) {
      return records.map(({ value, etag }) => (documents.get(value.id)?.etag === etag ? put(value) : undefined));
    },
    async list({ jobId, enrollmentGroup, status }, { size, continuation = '' }) {
      const found = sorted().filter(
        (record) =>
          record.id > continuation &&
          (jobId === undefined || record.claim.jobId === jobId) &&
          (enrollmentGroup === undefined || record.enrollmentGroup === enrollmentGroup) &&
          (status === undefined || record.status === status),
      );
      const items = found.slice(0, size);
      return found.length > size ? { items, continuation: items.at(-1)?.id } : { items };
    },
    async waitingIds(enrollmentGroup, limit) {
      const waiting = sorted().filter(
        (record) => record.status === 'provisioned' && record.enrollmentGroup === enrollmentGroup,
      );
      return waiting.slice(0, limit).map(({ id }) => id);
    },
  };
}
