import { type CloudEvent, cloudEvent, inMessages } from '../events/cloud-event.ts';
import { beginDeliveries, type DeliveryPorts } from '../events/delivery.ts';
import type { MessageQueue } from '../storage.ts';
import type { Ports } from './ports.ts';

export type SendEventPorts = Pick<Ports, 'outbox' | 'now'> & {
  readonly deliveries: DeliveryPorts;
  /** One event, or a batch of them. */
  readonly eventQueue: MessageQueue<CloudEvent | readonly CloudEvent[]>;
  /** The address of this app. */
  readonly apiUrl: string | undefined;
};

/** Documents whose events are sent before they are taken off. So many are sent again after a crash, at most. */
const documentsPerRound = 500;

/** A run ends in time before the next one begins. */
const longestRunMs = 50_000;

/**
 * Sends the events that stored facts owe, and then takes them off. A crash in between sends them again, with the same ids.
 * @returns how many were sent
 * @throws FleetError `throttled`, `unavailable`, `concurrent-change`
 */
export async function sendEvents(ports: SendEventPorts): Promise<number> {
  const { outbox, eventQueue, deliveries, apiUrl, now } = ports;
  const begunAt = now().getTime();
  let sent = 0;
  for (;;) {
    const documents = await outbox.owing(documentsPerRound);
    if (documents.length === 0) return sent;
    const events = documents.flatMap((document) => document.events).map((event) => cloudEvent(event, apiUrl));
    await eventQueue.send(inMessages(events).map((batch) => (batch.length === 1 && batch[0] ? batch[0] : batch)));
    await beginDeliveries(events, deliveries);
    await outbox.settle(documents);
    sent += events.length;
    if (documents.length < documentsPerRound || now().getTime() - begunAt > longestRunMs) return sent;
  }
}
