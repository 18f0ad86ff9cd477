import { createHash } from 'node:crypto';
import type { FailureReason } from '../errors.ts';
import type { QueueName } from '../resource-names.ts';
import type { Page, PageRequest } from '../storage.ts';

/** A message that failed for good, and why. */
export interface DeadLetter {
  /** See `deadLetterId`. */
  readonly id: string;
  /** The queue that the message was sent to. */
  readonly queue: QueueName;
  /** The message as it was sent. */
  readonly body: string;
  readonly reason: FailureReason;
  /** When it failed last: ISO 8601, UTC. */
  readonly at: string;
  /** How often it has failed for good. */
  readonly times: number;
}

/** Digest of queue and body, 32 hex digits: the same message again has the same id. */
export function deadLetterId(queue: QueueName, body: string): string {
  return createHash('sha256').update(`${queue}\n${body}`).digest('hex').slice(0, 32);
}

/**
 * Dead letters, and the reasons of messages that are still delivered again. Adapter: lib/azure/cosmos-dead-letters.ts.
 * Every method throws FleetError `throttled` or `unavailable`; a write may have taken effect then.
 */
export interface DeadLetterStore {
  /** Records why a delivery of a message failed, in place of an earlier reason. Reasons are deleted after a week. */
  noteReason(id: string, queue: QueueName, reason: DeadLetter['reason']): Promise<void>;
  /** @returns the reason recorded last; undefined when there is none */
  readReason(id: string, queue: QueueName): Promise<DeadLetter['reason'] | undefined>;
  /** Adds a letter, or counts it once more. @throws FleetError `concurrent-change` when it arrives faster than it can be counted */
  put(letter: Omit<DeadLetter, 'times'>): Promise<void>;
  /** Letters by id, ascending; of one queue when `queue` is given. */
  list(page: PageRequest & { readonly queue?: QueueName | undefined }): Promise<Page<DeadLetter>>;
  /** Deletes a letter as it was read. One that arrived again since then stays. */
  remove(letter: Pick<DeadLetter, 'id' | 'queue' | 'times'>): Promise<void>;
}
