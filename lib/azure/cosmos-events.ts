import type { Container } from '@azure/cosmos';
import type { Delivery, Webhook, WebhookStore } from '../events/webhook.ts';
import type { Versioned } from '../storage.ts';
import {
  type Condition,
  callingCosmos,
  createDocument,
  pageByKey,
  readDocument,
  replaceDocument,
  whereClause,
  withoutSystemProperties,
} from './cosmos.ts';
import { unlessStatus } from './service-errors.ts';

/** The stream of the webhooks. Each target of deliveries has another one. */
const webhookStream = 'webhooks';
const deliveryStream = (target: string) => `deliveries ${target}`;

/** Long enough to see what failed, and to send it again. */
const deliveryTtlSeconds = 30 * 24 * 60 * 60;

type WebhookDocument = Webhook & { readonly id: string; readonly stream: string; readonly type: 'webhook' };

type DeliveryDocument = Delivery & {
  readonly id: string;
  readonly stream: string;
  readonly type: 'delivery';
  /** Sorts by time, and is unique in its stream. */
  readonly listKey: string;
  readonly ttl: number;
};

/** Webhooks and their deliveries in container `events`, partition key `/stream`. */
export function createCosmosWebhookStore(container: Container): WebhookStore {
  return {
    create: async (webhook) => (await createDocument(container, webhookDocument(webhook))) !== undefined,

    async read(webhookId) {
      const found = await readDocument<WebhookDocument>(container, { id: webhookId, partition: webhookStream });
      return found && { value: toWebhook(found.value), etag: found.etag };
    },

    replace: async ({ value, etag }) =>
      (await replaceDocument(container, webhookStream, { value: webhookDocument(value), etag })) !== undefined,

    async remove(webhookId) {
      const item = container.item(webhookId, webhookStream);
      return (await unlessStatus([404], () => callingCosmos(() => item.delete()))) !== undefined;
    },

    async list() {
      const { text, parameters } = whereClause([['c.stream = ?', webhookStream]]);
      const spec = { query: `SELECT * FROM c${text}`, parameters };
      const query = container.items.query<WebhookDocument>(spec, { partitionKey: webhookStream });
      const { resources } = await callingCosmos(() => query.fetchAll());
      const webhooks = resources.map((document) => toWebhook(withoutSystemProperties(document)));
      return webhooks.sort((a, b) => (a.webhookId < b.webhookId ? -1 : 1));
    },

    createDelivery: async (delivery) => (await createDocument(container, deliveryDocument(delivery))) !== undefined,

    async readDelivery(target, deliveryId) {
      const key = { id: deliveryId, partition: deliveryStream(target) };
      const found = await readDocument<DeliveryDocument>(container, key);
      return found && { value: toDelivery(found.value), etag: found.etag };
    },

    replaceDelivery: async ({ value, etag }: Versioned<Delivery>) => {
      const versioned = { value: deliveryDocument(value), etag };
      return (await replaceDocument(container, deliveryStream(value.target), versioned)) !== undefined;
    },

    async deliveries(target, { state, ...page }) {
      const where: Condition[] = [
        ['c.stream = ?', deliveryStream(target)],
        ['c.state = ?', state],
      ];
      const found = await pageByKey<DeliveryDocument>(container, { where, orderBy: 'c.listKey DESC' }, page);
      return { ...found, items: found.items.map(toDelivery) };
    },
  };
}

function webhookDocument(webhook: Webhook): WebhookDocument {
  return { ...webhook, id: webhook.webhookId, stream: webhookStream, type: 'webhook' };
}

function toWebhook({ id: _id, stream: _stream, type: _type, ...webhook }: WebhookDocument): Webhook {
  return webhook;
}

function deliveryDocument(delivery: Delivery): DeliveryDocument {
  const { deliveryId, target, createdAt } = delivery;
  const place = { id: deliveryId, stream: deliveryStream(target), listKey: `${createdAt}~${deliveryId}` };
  return { ...delivery, ...place, type: 'delivery', ttl: deliveryTtlSeconds };
}

function toDelivery({
  id: _id,
  stream: _stream,
  type: _type,
  listKey: _key,
  ttl: _ttl,
  ...rest
}: DeliveryDocument): Delivery {
  return rest;
}
