import type { Delivery, SecretStore, Webhook, WebhookStore } from '../../lib/events/webhook.ts';

/** Webhooks and deliveries in memory, held to the same contract as the real store. */
export function createMemoryWebhookStore(): WebhookStore & { allDeliveries(): readonly Delivery[] } {
  const webhooks = new Map<string, { value: Webhook; etag: string }>();
  const sent = new Map<string, { value: Delivery; etag: string }>();
  let version = 0;
  const stored = <T>(value: T) => ({ value: structuredClone(value), etag: `"${++version}"` });
  const key = (target: string, deliveryId: string) => `${target} ${deliveryId}`;
  const listKey = ({ createdAt, deliveryId }: Delivery) => `${createdAt}~${deliveryId}`;
  return {
    allDeliveries: () => [...sent.values()].map(({ value }) => value),
    async create(webhook) {
      if (webhooks.has(webhook.webhookId)) return false;
      webhooks.set(webhook.webhookId, stored(webhook));
      return true;
    },
    read: async (webhookId) => structuredClone(webhooks.get(webhookId)),
    async replace({ value, etag }) {
      if (webhooks.get(value.webhookId)?.etag !== etag) return false;
      webhooks.set(value.webhookId, stored(value));
      return true;
    },
    remove: async (webhookId) => webhooks.delete(webhookId),
    async list() {
      const all = [...webhooks.values()].map(({ value }) => structuredClone(value));
      return all.sort((a, b) => (a.webhookId < b.webhookId ? -1 : 1));
    },
    async createDelivery(delivery) {
      const place = key(delivery.target, delivery.deliveryId);
      if (sent.has(place)) return false;
      sent.set(place, stored(delivery));
      return true;
    },
    readDelivery: async (target, deliveryId) => structuredClone(sent.get(key(target, deliveryId))),
    async replaceDelivery({ value, etag }) {
      const place = key(value.target, value.deliveryId);
      if (sent.get(place)?.etag !== etag) return false;
      sent.set(place, stored(value));
      return true;
    },
    async deliveries(target, { size, continuation, state }) {
      const all = [...sent.values()].map(({ value }) => value).sort((a, b) => (listKey(a) > listKey(b) ? -1 : 1));
      const found = all.filter(
        (each) =>
          each.target === target &&
          (state === undefined || each.state === state) &&
          (continuation === undefined || listKey(each) < continuation),
      );
      const items = structuredClone(found.slice(0, size));
      const last = items.at(-1);
      return found.length > size && last !== undefined ? { items, continuation: listKey(last) } : { items };
    },
  };
}

export function createMemorySecrets(): SecretStore & { readonly values: ReadonlyMap<string, string> } {
  const values = new Map<string, string>();
  return {
    values,
    set: async (name, value) => void values.set(name, value),
    get: async (name) => values.get(name),
    remove: async (name) => void values.delete(name),
  };
}
