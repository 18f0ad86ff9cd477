import { createHash } from 'node:crypto';
import type { FailureReason } from '../errors.ts';
import type { QueueName } from '../resource-names.ts';
import type { Page } from '../storage.ts';

/** A message that could not be worked on, and why. */
export interface DeadLetter {
  /** Digest of queue and body: the same message again is the same letter. */
  readonly id: string;
  /** The queue it was sent to. */
  readonly queue: QueueName;
  readonly body: string;
  readonly reason: FailureReason;
  readonly at: string;
  /** How often it came here. */
  readonly times: number;
}

/** Digest of queue and body, 32 hex digits: the same message again has the same id. */
export function deadLetterId(queue: QueueName, body: string): string {
  return createHash('sha256').update(`${queue}\n${body}`).digest('hex').slice(0, 32);
}

/** Adapter: lib/azure/cosmos-dead-letters.ts. Every method throws FleetError `throttled` or `unavailable`. */
export interface DeadLetterStore {
  /** Keeps why a message failed, until it is either done or dead. */
  noteReason(id: string, queue: QueueName, reason: DeadLetter['reason']): Promise<void>;
  readReason(id: string, queue: QueueName): Promise<DeadLetter['reason'] | undefined>;
  put(letter: Omit<DeadLetter, 'times'>): Promise<void>;
  list(page: { size: number; continuation?: string; queue?: QueueName }): Promise<Page<DeadLetter>>;
  /** Takes a letter off the list as it was read; one that came again since then stays. */
  remove(letter: Pick<DeadLetter, 'id' | 'queue' | 'times'>): Promise<void>;
}
