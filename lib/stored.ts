/** A record together with the version of it that was read; writes name that version, so no change is lost unseen. */
export interface Stored<T> {
  readonly value: T;
  readonly etag: string;
}

/** One page of a list and where the next one begins. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Give it back to read on; absent on the last page. */
  readonly continuation?: string;
}
