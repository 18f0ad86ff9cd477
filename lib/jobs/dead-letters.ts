import { createHash } from 'node:crypto';
import type { Act } from '../access/act.ts';
import type { FailureReason } from '../errors.ts';
import type { QueueName } from '../resource-names.ts';
import type { Page, PageRequest } from '../storage.ts';
import type { OrderReference } from './order-reference.ts';

/** A message that failed for good, and why. */
export interface DeadLetter {
  /** See `deadLetterId`. */
  readonly id: string;
  /** The queue that the message was sent to. */
  readonly queue: QueueName;
  /** The message as it was sent. */
  readonly body: string;
  readonly reason: FailureReason;
  /** Of an order, as far as they can be read: its id, and the sender's own keys. */
  readonly orderId?: string;
  readonly reference?: OrderReference;
  /** When it failed last: ISO 8601, UTC. */
  readonly at: string;
  /** How often it has failed for good. */
  readonly times: number;
  /** When it was sent again or its job was retried, and by whom. */
  readonly redriven?: Act;
}

/** Digest of queue and body, 32 hex digits: the same message again has the same id. */
export function deadLetterId(queue: QueueName, body: string): string {
  return createHash('sha256').update(`${queue}\n${body}`).digest('hex').slice(0, 32);
}

export interface LetterFilter {
  /** Letters of this queue; of all queues if absent. */
  readonly queue?: QueueName | undefined;
  /** True: letters that were redriven. Otherwise letters that wait. */
  readonly redriven?: boolean | undefined;
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
  put(letter: Omit<DeadLetter, 'times' | 'redriven'>): Promise<void>;
  /** Letters by id, ascending: those that wait, or those that were redriven. */
  list(page: PageRequest & LetterFilter): Promise<Page<DeadLetter>>;
  /**
   * Records that a letter was redriven. It no longer waits, and is deleted 30 days later. A letter that arrived again since it
   * was read stays as it is.
   */
  noteRedriven(letter: Pick<DeadLetter, 'id' | 'queue' | 'times'>, redriven: Act): Promise<void>;
}
