import { createHash } from 'node:crypto';
import type { Act } from '../access/act.ts';
import type { ErrorCode, FailureReason } from '../errors.ts';
import { eventId, type OwedEvent, type Owing, oweStill } from '../outbox.ts';
import type { QueueName } from '../resource-names.ts';
import type { Measured, Page, PageRequest } from '../storage.ts';
import type { OrderReference } from './order-reference.ts';

/** A message that failed for good, and why. */
export interface DeadLetter extends Owing {
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
  /** Ids of the events that it has owed, so that none is sent again with another time. The latest 20. */
  readonly announced?: readonly string[];
  /** When it was sent again or its job was retried, and by whom. */
  readonly redriven?: Act;
  /** When it was discarded, and by whom. */
  readonly discarded?: Act;
}

/** `waiting`: nothing was done for it yet. `redriven` and `discarded`: see the members of that name. */
export type LetterState = (typeof letterStates)[number];
export const letterStates = ['waiting', 'redriven', 'discarded'] as const;

/** Digest of queue and body, 32 hex digits: the same message again has the same id. */
export function deadLetterId(queue: QueueName, body: string): string {
  return createHash('sha256').update(`${queue}\n${body}`).digest('hex').slice(0, 32);
}

/**
 * An order that could not be read or begun. Its sender has to correct it, or an operator to redrive it. The same message refused
 * again for the same reason is the same event.
 */
export function orderRefused({ id, orderId, reference, reason, at }: Omit<DeadLetter, 'times'>): OwedEvent {
  const type = 'fleet.order.refused';
  const links = { deadLetter: `/api/dead-letters/${id}` };
  const data = { orderId, reference, reason, receivedAt: at, links };
  const subject = `orders/${orderId ?? `unknown-${id}`}`;
  return { id: eventId(type, id, reason.code, reason.message), type, subject, time: at, data };
}

const maxAnnounced = 20;

/**
 * A letter that takes the place of an earlier one of its id: it owes what that one owes still, and no event that was owed before.
 * Stores call this for every letter that they put.
 */
export function inPlaceOf<T extends Owing>(letter: T, before: DeadLetter | undefined): T & Owing {
  const { outbox = [], owedSince, ...rest } = letter;
  const known = before?.announced ?? [];
  const news = outbox.filter(({ id }) => !known.includes(id));
  const announced = [...known, ...news.map(({ id }) => id)].slice(-maxAnnounced);
  const owing = { ...(news.length > 0 && { outbox: news, owedSince }), ...(announced.length > 0 && { announced }) };
  return oweStill({ ...rest, ...owing } as T, before);
}

/** Letters that match every member. */
export interface LetterFilter {
  readonly queue?: QueueName | undefined;
  /** Code of the reason. */
  readonly code?: ErrorCode | undefined;
  /** The id is one of these. */
  readonly ids?: readonly string[] | undefined;
}

/** How many letters of a queue wait for one reason. */
export interface LetterCount {
  readonly queue: QueueName;
  /** Code of the reason. */
  readonly code: ErrorCode;
  /** 1 or more. */
  readonly letters: number;
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
  /** Adds a letter, or counts it once more (`inPlaceOf`). @throws FleetError `concurrent-change` when it arrives faster than it can be counted */
  put(letter: Omit<DeadLetter, 'times' | 'redriven' | 'announced'>): Promise<void>;
  /** Letters in one state (default: `waiting`), by id, ascending. */
  list(page: PageRequest & LetterFilter & { readonly state?: LetterState | undefined }): Promise<Page<DeadLetter>>;
  /** @returns the letter in any state; undefined when there is none */
  read(id: string): Promise<DeadLetter | undefined>;
  /** Counts the letters that wait. In no order, and no zeros. */
  countByReason(): Promise<Measured<LetterCount[]>>;
  /**
   * Records that a letter was redriven. It no longer waits. A letter that arrived again since it was read stays as it is.
   */
  noteRedriven(letter: Pick<DeadLetter, 'id' | 'queue' | 'times'>, redriven: Act): Promise<void>;
  /**
   * Records that a letter was discarded. It no longer waits.
   * @returns false when the letter stays as it is, since it arrived again or no longer waited
   */
  noteDiscarded(letter: Pick<DeadLetter, 'id' | 'queue' | 'times'>, discarded: Act): Promise<boolean>;
}
