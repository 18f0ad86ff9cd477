import type { BlobOptions, BlobStore, BlobVersion } from '../../lib/storage.ts';
import { someTime } from '../factories.ts';

/** Blobs in memory, held to the same contract as the real store. */
export function createMemoryBlobStore(): BlobStore & {
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** Deletes the blob and its snapshots, as a lifecycle rule or an operator does. */
  delete(name: string): void;
} {
  const blobs = new Map<string, { body: Buffer; etag: string; options: BlobOptions }>();
  const snapshots = new Map<string, Map<string, Buffer>>();
  let version = 0;
  const put = (name: string, body: Uint8Array, options: BlobOptions): string => {
    const etag = `0x${(++version).toString(16).toUpperCase().padStart(16, '0')}`;
    blobs.set(name, { body: Buffer.from(body), etag, options });
    return etag;
  };
  const get = (name: string, { snapshot, etag }: BlobVersion = {}): Buffer | undefined => {
    if (snapshot !== undefined) return snapshots.get(name)?.get(snapshot);
    const blob = blobs.get(name);
    if (blob === undefined || (etag !== undefined && etag !== blob.etag)) return undefined;
    return Buffer.from(blob.body);
  };

  return {
    delete(name) {
      blobs.delete(name);
      snapshots.delete(name);
    },
    get blobs() {
      return new Map([...blobs].map(([name, { body }]) => [name, body]));
    },
    async create(name, body, options) {
      return blobs.has(name) ? undefined : put(name, body, options);
    },
    async createFrom(name, source, options) {
      const parts: Uint8Array[] = [];
      for await (const part of source) parts.push(part);
      return blobs.has(name) ? undefined : put(name, Buffer.concat(parts), options);
    },
    async write(name, body, options) {
      put(name, body, options);
    },
    async replace(name, body, { etag, ...options }) {
      return blobs.get(name)?.etag === etag ? put(name, body, options) : undefined;
    },
    async read(name) {
      return get(name);
    },
    async snapshot(name, { etag }) {
      const body = get(name, { etag });
      if (body === undefined) return undefined;
      const taken = snapshots.get(name) ?? new Map<string, Buffer>();
      snapshots.set(name, taken);
      const id = `2026-11-23T08:00:00.${String(++version).padStart(7, '0')}Z`;
      taken.set(id, body);
      return id;
    },
    async readRange(name, { offset, length, ...version }) {
      return get(name, version)?.subarray(offset, offset + length);
    },
    async open(name, version) {
      const body = get(name, version);
      if (body === undefined) return undefined;
      return (async function* () {
        // Small pieces, so that readers meet boundaries anywhere.
        for (let at = 0; at < body.length; at += 1000) yield body.subarray(at, at + 1000);
      })();
    },
    async *list(prefix) {
      const sorted = [...blobs].sort(([one], [other]) => (one < other ? -1 : 1));
      for (const [name, { etag, body }] of sorted) {
        if (name.startsWith(prefix)) yield { name, createdAt: someTime, changedAt: someTime, etag, bytes: body.length };
      }
    },
    async properties(name, version) {
      const blob = blobs.get(name);
      const body = get(name, version);
      return blob && body && { etag: blob.etag, bytes: body.length, metadata: { ...blob.options.metadata } };
    },
  };
}
