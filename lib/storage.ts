/** A record together with the version of it that was read; writes name that version, so no change is lost unseen. */
export interface Versioned<T> {
  readonly value: T;
  readonly etag: string;
}

/** One page of a list and where the next one begins. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Give it back to read on; absent on the last page. */
  readonly continuation?: string;
}

/** One container of blobs. Adapters: lib/azure/blobs.ts. */
export interface BlobStore {
  /** Writes a blob that must not exist yet. @returns its ETag, or undefined when somebody was first */
  create(name: string, body: Uint8Array, options: BlobOptions): Promise<string | undefined>;
  /** Like `create`, from a stream of unknown length. */
  createFrom(name: string, body: AsyncIterable<Uint8Array>, options: BlobOptions): Promise<string | undefined>;
  /** Writes a blob, whatever was there. */
  write(name: string, body: Uint8Array, options: BlobOptions): Promise<void>;
  /** The whole blob, or undefined when there is none. */
  read(name: string): Promise<Buffer | undefined>;
  /** `length` bytes from `offset`. @throws FleetError `manifest-gone` when the blob is not there or no longer has the ETag */
  readRange(name: string, range: { offset: number; length: number; etag?: string }): Promise<Buffer>;
  /** The blob as a stream. @throws FleetError `manifest-gone` as readRange */
  open(name: string, options: { etag?: string }): Promise<AsyncIterable<Uint8Array>>;
  properties(name: string): Promise<BlobProperties | undefined>;
}

export interface BlobOptions {
  readonly contentType: string;
  /** ASCII keys and values. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface BlobProperties {
  /** Without quotes. */
  readonly etag: string;
  readonly bytes: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A queue to put messages on. Delivery is at least once and unordered, so every reader must bear repetition. */
export interface MessageQueue<Message> {
  /**
   * @param options.delaySeconds how long nobody receives them; at once without it
   * @throws FleetError `unavailable` or `throttled`; some messages may have been sent then
   */
  send(messages: Iterable<Message>, options?: { readonly delaySeconds?: number }): Promise<void>;
}
