/** A record and the version of it that was read. A write names that version, so it cannot overwrite another change. */
export interface Versioned<T> {
  readonly value: T;
  /** As the store gave it; compared, never read. */
  readonly etag: string;
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page begins; absent on the last page. */
  readonly continuation?: string;
}

/** Which page of a list to read. */
export interface PageRequest {
  /** Number of items at most. */
  readonly size: number;
  /** `continuation` of the page before; absent for the first page. */
  readonly continuation?: string | undefined;
}

/** What was read, and what reading it cost. */
export interface Measured<T> {
  readonly value: T;
  /** Request units of Cosmos DB; 0 for a store that has none. */
  readonly requestUnits: number;
}

/**
 * One container of blobs. It knows nothing of what the blobs are: a blob that is not there is `undefined`, and the caller
 * names the error. Adapters: lib/azure/blobs.ts.
 *
 * Every method throws FleetError `unavailable` or `throttled` when the storage does not answer or asks to wait.
 */
export interface BlobStore {
  /** Writes a blob that must not exist yet. @returns its ETag, or undefined when a blob has that name already */
  create(name: string, body: Uint8Array, options: BlobOptions): Promise<string | undefined>;
  /** Like `create`, from a stream of unknown length. */
  createFrom(name: string, body: AsyncIterable<Uint8Array>, options: BlobOptions): Promise<string | undefined>;
  /** Writes a blob and replaces the one of that name, if there is one. */
  write(name: string, body: Uint8Array, options: BlobOptions): Promise<void>;
  /** Replaces a blob that still has the `etag`. @returns its new ETag, or undefined when it changed or was deleted */
  replace(
    name: string,
    body: Uint8Array,
    options: BlobOptions & { readonly etag: string },
  ): Promise<string | undefined>;
  /** Reads a whole blob into memory. @returns undefined when there is none */
  read(name: string): Promise<Buffer | undefined>;
  /**
   * Takes a snapshot of a blob: a copy that never changes, and that stays when the blob is overwritten. Taking one twice gives
   * two snapshots.
   * @returns the id of the snapshot; undefined when the blob is not there, or no longer has the `etag` given
   */
  snapshot(name: string, options: { etag: string }): Promise<string | undefined>;
  /**
   * Reads `length` bytes from byte `offset`, or as many as there are.
   * @returns undefined when that version of the blob is not there
   */
  readRange(name: string, range: { offset: number; length: number } & BlobVersion): Promise<Buffer | undefined>;
  /**
   * Opens a blob as a stream. The stream throws FleetError `unavailable` when the storage stops sending.
   * @returns undefined when that version of the blob is not there
   */
  open(name: string, version: BlobVersion): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** All blobs whose name begins so, in the order of their names. */
  list(prefix: string): AsyncIterable<BlobListing>;
  /** @returns undefined when that version of the blob is not there; the blob as it is now without one */
  properties(name: string, version?: BlobVersion): Promise<BlobProperties | undefined>;
}

/** Which version of a blob to read: the snapshot, if one is named, or else the blob while it has the ETag. */
export interface BlobVersion {
  /** As `BlobStore.snapshot` returned it. */
  readonly snapshot?: string | undefined;
  /** Without quotes. Not compared when a snapshot is named. */
  readonly etag?: string | undefined;
}

export interface BlobOptions {
  readonly contentType: string;
  /** ASCII keys and values. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface BlobListing {
  readonly name: string;
  readonly createdAt: Date;
  /** When this version of it was written. */
  readonly changedAt: Date;
  /** Without quotes. */
  readonly etag: string;
  /** Length of the content. */
  readonly bytes: number;
}

export interface BlobProperties {
  /** Without quotes. */
  readonly etag: string;
  /** Length of the content. */
  readonly bytes: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * A queue to send messages to. Delivery is at least once and in no order, so every reader must be idempotent.
 * Adapter: lib/azure/queues.ts.
 */
export interface MessageQueue<Message> {
  /**
   * Sends each message as JSON, 64 KiB at most.
   * @param options.delaySeconds seconds until the messages can be received; 0 by default
   * @throws FleetError `throttled`, `unavailable`; some of the messages may have been sent
   */
  send(messages: Iterable<Message>, options?: { readonly delaySeconds?: number }): Promise<void>;
}

/** A queue that can tell how many messages are on it. */
export interface CountableQueue<Message> extends MessageQueue<Message> {
  /** Approximate number of messages on the queue, hidden ones included. @throws FleetError `throttled`, `unavailable` */
  waiting(): Promise<number>;
}

/** A queue that can also tell how long messages wait. */
export interface ObservableQueue<Message> extends CountableQueue<Message> {
  /**
   * When the first message that can be received was sent; undefined if there is none. Hidden messages are not seen: those in
   * work, and those that wait for another delivery. Queues are not strictly in order, so an older message can be behind it.
   * @throws FleetError `throttled`, `unavailable`
   */
  oldest(): Promise<Date | undefined>;
}
