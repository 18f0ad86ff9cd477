import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Delivery, Webhook, WebhookStore } from '../../lib/events/webhook.ts';
import { eventId } from '../../lib/outbox.ts';

const at = '2026-11-27T00:00:00.000Z';

export function someWebhook(change: Partial<Webhook> = {}): Webhook {
  return {
    webhookId: 'wh-0123456789abcdef',
    url: 'https://receiver.example.com/events?code=secret',
    types: ['fleet.job.ended', 'fleet.order.finished'],
    created: { by: 'ada', at },
    secrets: [{ name: 'webhook-1' }],
    ...change,
  };
}

function someDelivery(target: string, fact: unknown, change: Partial<Delivery> = {}): Delivery {
  const type = 'fleet.job.ended';
  const id = eventId(type, fact);
  const attributes = {
    id,
    source: '/fleet',
    type,
    subject: 'jobs/1',
    time: at,
    datacontenttype: 'application/json',
  } as const;
  const events = [{ specversion: '1.0', ...attributes, data: { jobId: '1' } }] as const;
  return { deliveryId: id, target, events, state: 'waiting', attempts: 0, createdAt: at, ...change };
}

/** Tests that every WebhookStore passes. */
export function webhookStoreContract(name: string, open: () => WebhookStore): void {
  let made = 0;
  const newId = () => `wh-${process.pid.toString(16)}${(made++).toString(16)}`;

  describe(`webhooks on ${name}`, () => {
    it('are created once, replaced by version, listed by id and removed', async () => {
      const store = open();
      const [first, second] = [someWebhook({ webhookId: newId() }), someWebhook({ webhookId: newId() })];
      assert.equal(await store.create(second), true);
      assert.equal(await store.create(first), true);
      assert.equal(await store.create(first), false);
      const read = await store.read(first.webhookId);
      assert.deepEqual(read?.value, first);
      const disabled: Webhook = { ...first, disabled: { at, why: 'gone' } };
      assert.equal(await store.replace({ value: disabled, etag: read?.etag ?? '' }), true);
      assert.equal(await store.replace({ value: first, etag: read?.etag ?? '' }), false);
      const own = (await store.list()).filter(({ webhookId }) =>
        [first, second].some((each) => each.webhookId === webhookId),
      );
      assert.deepEqual(
        own,
        [disabled, second].sort((a, b) => (a.webhookId < b.webhookId ? -1 : 1)),
      );
      assert.equal(await store.remove(first.webhookId), true);
      assert.equal(await store.remove(first.webhookId), false);
      assert.equal(await store.read(first.webhookId), undefined);
    });

    it('have deliveries that are created once and replaced by version', async () => {
      const store = open();
      const target = newId();
      const delivery = someDelivery(target, 1);
      assert.equal(await store.createDelivery(delivery), true);
      assert.equal(await store.createDelivery(delivery), false);
      const read = await store.readDelivery(target, delivery.deliveryId);
      assert.deepEqual(read?.value, delivery);
      const tried: Delivery = { ...delivery, attempts: 1, lastError: 'no answer' };
      assert.equal(await store.replaceDelivery({ value: tried, etag: read?.etag ?? '' }), true);
      assert.equal(await store.replaceDelivery({ value: delivery, etag: read?.etag ?? '' }), false);
      assert.deepEqual((await store.readDelivery(target, delivery.deliveryId))?.value, tried);
      assert.equal(await store.readDelivery(newId(), delivery.deliveryId), undefined);
    });

    it('have deliveries in pages, newest first, by state', async () => {
      const store = open();
      const target = newId();
      const deliveries = [1, 2, 3].map((minute) =>
        someDelivery(target, minute, {
          createdAt: `2026-11-27T00:0${minute}:00.000Z`,
          state: minute === 2 ? 'failed' : 'delivered',
        }),
      );
      for (const delivery of deliveries) await store.createDelivery(delivery);
      const first = await store.deliveries(target, { size: 2 });
      assert.deepEqual(first.items, [deliveries[2], deliveries[1]]);
      const second = await store.deliveries(target, { size: 2, continuation: first.continuation });
      assert.deepEqual(second, { items: [deliveries[0]] });
      assert.deepEqual((await store.deliveries(target, { size: 9, state: 'failed' })).items, [deliveries[1]]);
    });
  });
}
