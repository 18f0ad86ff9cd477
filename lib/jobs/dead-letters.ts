import type { ErrorCode } from '../errors.ts';
import type { Page } from '../storage.ts';

/** A message that could not be worked on, and why. */
export interface DeadLetter {
  /** Digest of queue and body: the same message again is the same letter. */
  readonly id: string;
  /** The queue it was sent to. */
  readonly queue: string;
  readonly body: string;
  readonly reason: { readonly code: ErrorCode; readonly message: string; readonly hint: string };
  readonly at: string;
  /** How often it came here. */
  readonly times: number;
}

/** Adapters: lib/azure/cosmos-dead-letters.ts. */
export interface DeadLetterStore {
  /** Keeps why a message failed, until it is either done or dead. */
  noteReason(id: string, queue: string, reason: DeadLetter['reason']): Promise<void>;
  readReason(id: string, queue: string): Promise<DeadLetter['reason'] | undefined>;
  put(letter: Omit<DeadLetter, 'times'>): Promise<void>;
  list(page: { size: number; continuation?: string; queue?: string }): Promise<Page<DeadLetter>>;
  /** Takes a letter off the list as it was read; one that came again since then stays. */
  remove(letter: Pick<DeadLetter, 'id' | 'queue' | 'times'>): Promise<void>;
}
