import type { BlobOptions, BlobStore } from '../../lib/storage.ts';

/** Blobs in memory, held to the same contract as the real store. */
export function createMemoryBlobStore(): BlobStore & {
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** As a lifecycle rule or an operator does it. */
  delete(name: string): void;
} {
  const blobs = new Map<string, { body: Buffer; etag: string; options: BlobOptions }>();
  let version = 0;
  const put = (name: string, body: Uint8Array, options: BlobOptions): string => {
    const etag = `0x${(++version).toString(16).toUpperCase().padStart(16, '0')}`;
    blobs.set(name, { body: Buffer.from(body), etag, options });
    return etag;
  };
  const get = (name: string, etag?: string): Buffer | undefined => {
    const blob = blobs.get(name);
    if (blob === undefined || (etag !== undefined && etag !== blob.etag)) return undefined;
    return Buffer.from(blob.body);
  };

  return {
    delete(name) {
      blobs.delete(name);
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
    async read(name) {
      return get(name);
    },
    async readRange(name, { offset, length, etag }) {
      return get(name, etag)?.subarray(offset, offset + length);
    },
    async open(name, { etag }) {
      const body = get(name, etag);
      if (body === undefined) return undefined;
      return (async function* () {
        // Small pieces, so that readers meet boundaries anywhere.
        for (let at = 0; at < body.length; at += 1000) yield body.subarray(at, at + 1000);
      })();
    },
    async properties(name) {
      const blob = blobs.get(name);
      return blob && { etag: blob.etag, bytes: blob.body.length, metadata: { ...blob.options.metadata } };
    },
  };
}
