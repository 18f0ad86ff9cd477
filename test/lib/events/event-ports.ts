import type { CloudEvent } from '../../../lib/events/cloud-event.ts';
import type { DeliveryMessage, DeliveryPorts } from '../../../lib/events/delivery.ts';
import type { SendEventPorts } from '../../../lib/pipeline/send-events.ts';
import { someTime } from '../../factories.ts';
import { createMemoryOutbox } from '../../memory/outbox.ts';
import { createMemorySecrets, createMemoryWebhookStore } from '../../memory/webhook-store.ts';

export const apiUrl = 'https://fleet.example.com';

/** What sends events, in memory: queues are lists, and time is what the test says. */
export function createEventPorts({
  outbox = createMemoryOutbox({}),
  now = () => someTime,
  wrapped = <Port extends object>(port: Port): Port => port,
}: Partial<Pick<SendEventPorts, 'outbox' | 'now'>> & {
  readonly wrapped?: <Port extends object>(port: Port) => Port;
} = {}) {
  const sent: (CloudEvent | readonly CloudEvent[])[] = [];
  const delayed: { readonly message: DeliveryMessage; readonly delaySeconds: number }[] = [];
  const webhooks = createMemoryWebhookStore();
  const secrets = createMemorySecrets();
  const deliveries: DeliveryPorts = {
    webhooks: wrapped(webhooks),
    secrets,
    deliveryQueue: wrapped({
      send: async (messages: Iterable<DeliveryMessage>, { delaySeconds = 0 } = {}) => {
        for (const message of messages) delayed.push({ message, delaySeconds });
      },
    }),
    post: async () => ({ status: 204 }),
    now,
    random: () => 0,
  };
  const eventQueue = wrapped({
    send: async (messages: Iterable<CloudEvent | readonly CloudEvent[]>) => void sent.push(...messages),
  });
  const ports: SendEventPorts = { outbox, eventQueue, deliveries, apiUrl, now };
  return { ports, sent, delayed, webhooks, secrets, deliveries, events: () => sent.flat() as CloudEvent[] };
}
