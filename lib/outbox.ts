import { createHash } from 'node:crypto';
import { canonicalJson } from './json.ts';

/** The kinds of events, as CloudEvents have them in `type`. docs/integrations.md describes each. */
export const eventTypes = [
  'fleet.job.ended',
  'fleet.job.stalled',
  'fleet.order.accepted',
  'fleet.order.refused',
  'fleet.order.finished',
  'fleet.device.assigned',
  'fleet.device.suspended',
  'fleet.device.revoked',
  'fleet.device.scrapped',
  'fleet.device.restored',
  'fleet.device.late',
  'fleet.ca.ending',
  'fleet.finding.opened',
  'fleet.webhook.test',
] as const;
export type EventType = (typeof eventTypes)[number];

/**
 * An event that a stored fact owes to the outside. It is written in the same write as the fact, so no crash loses or invents
 * one, and is taken off the document after it was sent.
 */
export interface OwedEvent {
  /** See `eventId`. */
  readonly id: string;
  readonly type: EventType;
  /** Its subject, such as `orders/PO-4711`. */
  readonly subject: string;
  /** When the fact became so: ISO 8601, UTC. */
  readonly time: string;
  /** JSON. Members of `links` are paths of the API. */
  readonly data: EventData;
}

export type EventData = Readonly<Record<string, unknown>>;

/** Members of a document while it owes events. */
export interface Owing {
  /** Oldest first. */
  readonly outbox?: readonly OwedEvent[];
  /** When the first of them was owed: ISO 8601, UTC. Indexed, so that documents that owe events are found. */
  readonly owedSince?: string;
}

/**
 * The id of an event: 32 hex digits that follow from the fact alone. So an event that is sent again, or decided by two workers
 * at once, has one id.
 * @param fact what tells this fact from every other one of its type: JSON
 */
export function eventId(type: EventType, ...fact: readonly unknown[]): string {
  const digest = createHash('sha256').update(canonicalJson([type, ...fact]));
  return `evt_${digest.digest('hex').slice(0, 32)}`;
}

/** @returns the document with these events owed. An event that it owes already stays as it is: it may have been sent. */
export function owe<T extends object>(document: T & Owing, ...events: readonly OwedEvent[]): T & Owing {
  const before = document.outbox ?? [];
  const owed = new Map(before.map((event) => [event.id, event]));
  for (const event of events) if (!owed.has(event.id)) owed.set(event.id, event);
  const outbox = [...owed.values()];
  const [first] = outbox.slice(before.length);
  if (first === undefined) return document;
  return { ...document, outbox, owedSince: document.owedSince ?? first.time };
}

/** @returns the document with what its predecessor owes still, before what it owes by itself */
export function oweStill<T extends object>(document: T & Owing, predecessor: Owing | undefined): T & Owing {
  const { outbox: before = [], owedSince } = predecessor ?? {};
  if (before.length === 0) return document;
  return owe({ ...document, outbox: before, owedSince }, ...(document.outbox ?? []));
}

/** A document that owes events, as it was read. */
export interface OwingDocument {
  /** Its container and partition, for the store only. */
  readonly place: string;
  readonly id: string;
  readonly etag: string;
  readonly events: readonly OwedEvent[];
}

/**
 * The events that stored facts owe, over all containers. Adapter: lib/azure/cosmos-outbox.ts.
 * Every method throws FleetError `throttled` or `unavailable`; a write may have taken effect then.
 */
export interface Outbox {
  /** Stores a fact that no document has. A fact that is stored already, or was within the last 400 days, changes nothing. */
  note(event: OwedEvent): Promise<void>;
  /** Documents that owe events, at most `limit`, in no order. */
  owing(limit: number): Promise<OwingDocument[]>;
  /**
   * Takes the events that were read off these documents. Events that were added since stay.
   * @throws FleetError `concurrent-change` when a document changes faster than it can be written
   */
  settle(sent: readonly OwingDocument[]): Promise<void>;
}
