import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { HTTP, CloudEvent as OfficialCloudEvent } from 'cloudevents';
import { Webhook as OfficialWebhook } from 'standardwebhooks';
import { FleetError } from '../../../lib/errors.ts';
import { cloudEvent } from '../../../lib/events/cloud-event.ts';
import {
  attemptDelivery,
  beginDeliveries,
  type DeliveryPorts,
  defaultTypes,
  maxAttempts,
  parseDeliveryMessage,
} from '../../../lib/events/delivery.ts';
import { createWebhook, deleteWebhook, enableWebhook, rotateSecret } from '../../../lib/events/manage-webhooks.ts';
import { createPost, type PostAnswer } from '../../../lib/events/post.ts';
import { eventGridTarget } from '../../../lib/events/webhook.ts';
import { eventId } from '../../../lib/outbox.ts';
import { apiUrl, createEventPorts } from './event-ports.ts';
import { startReceiver } from './receiver.ts';

const type = 'fleet.order.finished';
const start = new Date();

function someEvent(orderId = 'PO-4711', time = start) {
  const data = { orderId, quantities: { ordered: 2, good: 2 }, links: { job: '/api/jobs/1' } };
  return cloudEvent(
    { id: eventId(type, orderId), type, subject: `orders/${orderId}`, time: time.toISOString(), data },
    apiUrl,
  );
}

/** A webhook at `url`, and a clock that the test sets. Messages are delivered when their time has come. */
async function someWebhook(url: string) {
  let at = start;
  const given = createEventPorts({ now: () => at });
  const deliveries = { ...given.deliveries, post: createPost({ allowPrivate: true, timeoutMs: 2000 }) };
  const admin = { webhooks: given.webhooks, secrets: given.secrets, now: () => at, randomBytes };
  const { webhook, secret } = await createWebhook({ url, types: [type] }, 'ada', admin);
  return {
    ...{ ...given, deliveries, admin, secret, webhookId: webhook.webhookId },
    webhook: async () => (await given.webhooks.read(webhook.webhookId))?.value,
    delivery: async (id: string) => (await given.webhooks.readDelivery(webhook.webhookId, id))?.value,
    later(seconds: number) {
      at = new Date(at.getTime() + seconds * 1000);
    },
    /** Takes messages until there are none, and lets their delay pass. @returns the delays */
    async settle(): Promise<number[]> {
      const delays: number[] = [];
      for (let next = given.delayed.shift(); next !== undefined; next = given.delayed.shift()) {
        delays.push(next.delaySeconds);
        this.later(next.delaySeconds);
        await attemptDelivery(parseDeliveryMessage(next.message), deliveries);
      }
      return delays;
    },
  };
}

describe('a webhook', () => {
  it('gets the deliveries of many events written side by side, in the order of the events', async () => {
    const hook = await someWebhook('https://erp.example.com/');
    let [running, most] = [0, 0];
    const webhooks: typeof hook.webhooks = {
      ...hook.webhooks,
      async createDelivery(delivery) {
        most = Math.max(most, ++running);
        await setImmediate();
        running -= 1;
        return hook.webhooks.createDelivery(delivery);
      },
    };
    const events = Array.from({ length: 40 }, (_, index) => someEvent(`PO-${index}`));
    await beginDeliveries(events, { ...hook.deliveries, webhooks });
    assert.equal(most, 16);
    assert.deepEqual(
      hook.delayed.map(({ message }) => message.deliveryId),
      events.map(({ id }) => id),
    );
  });

  it('is understood by the official packages: one body is a CloudEvent and a Standard Webhook', async () => {
    await using receiver = await startReceiver();
    const hook = await someWebhook(receiver.url);
    await beginDeliveries([someEvent()], hook.deliveries);
    await hook.settle();
    const [{ headers, body } = { headers: {}, body: '' }, ...others] = receiver.received;
    assert.deepEqual(others, []);
    assert.match(hook.secret, /^whsec_[\w+/]{43}=$/);
    const verified = new OfficialWebhook(hook.secret).verify(body, headers) as Record<string, unknown>;
    assert.deepEqual([verified['type'], verified['timestamp']], [type, start.toISOString()]);
    const event = HTTP.toEvent({ headers, body });
    assert.ok(event instanceof OfficialCloudEvent && event.validate());
    assert.deepEqual(
      [event.id, event.source, event.type, event.subject, event['timestamp']],
      [someEvent().id, apiUrl, type, 'orders/PO-4711', start.toISOString()],
    );
    assert.equal(headers['webhook-id'], event.id);
    assert.deepEqual(event.data, someEvent().data);
    assert.equal((await hook.delivery(someEvent().id))?.state, 'delivered');
  });

  it('refuses nothing that was not changed, and everything that was', async () => {
    await using receiver = await startReceiver();
    const hook = await someWebhook(receiver.url);
    await beginDeliveries([someEvent()], hook.deliveries);
    await hook.settle();
    const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
    const official = new OfficialWebhook(hook.secret);
    assert.throws(() => official.verify(body.replace('"good":2', '"good":3'), headers), {
      message: 'No matching signature found',
    });
    assert.throws(() => official.verify(body, { ...headers, 'webhook-id': 'evt_other' }), {
      message: 'No matching signature found',
    });
  });

  it('has signatures by both secrets for a day after a rotation', async () => {
    await using receiver = await startReceiver();
    const hook = await someWebhook(receiver.url);
    const { secret: second } = await rotateSecret(hook.webhookId, hook.admin);
    await beginDeliveries([someEvent('PO-1')], hook.deliveries);
    await hook.settle();
    hook.later(24 * 3600 + 1);
    await beginDeliveries([someEvent('PO-2')], hook.deliveries);
    await hook.settle();
    const [during, after] = receiver.received;
    assert.ok(during && after);
    for (const secret of [hook.secret, second]) new OfficialWebhook(secret).verify(during.body, during.headers);
    assert.equal(after.headers['webhook-signature']?.split(' ').length, 1);
    const { secret: third } = await rotateSecret(hook.webhookId, hook.admin);
    assert.deepEqual([...hook.secrets.values.values()], [second, third]);
  });

  it('is tried again over three days, then the delivery fails and the webhook is disabled', async () => {
    await using receiver = await startReceiver(new Array(maxAttempts).fill(500));
    const hook = await someWebhook(receiver.url);
    await beginDeliveries([someEvent()], hook.deliveries);
    const delays = await hook.settle();
    assert.deepEqual(delays, [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1);
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size, maxAttempts);
    const delivery = await hook.delivery(someEvent().id);
    assert.deepEqual([delivery?.state, delivery?.attempts], ['failed', maxAttempts]);
    assert.equal(delivery?.lastError, 'The receiver answered 500.');
    assert.match((await hook.webhook())?.disabled?.why ?? '', /^10 attempts of a delivery failed\./);
    await beginDeliveries([someEvent('PO-2')], hook.deliveries);
    assert.deepEqual(await hook.settle(), []);
    await enableWebhook(hook.webhookId, hook.admin);
    await beginDeliveries([someEvent('PO-3')], hook.deliveries);
    await hook.settle();
    assert.equal((await hook.delivery(someEvent('PO-3').id))?.state, 'delivered');
  });

  it('stays enabled when another delivery succeeded meanwhile', async () => {
    await using receiver = await startReceiver(new Array(maxAttempts - 1).fill(500));
    const hook = await someWebhook(receiver.url);
    await beginDeliveries([someEvent()], hook.deliveries);
    for (let attempt = 1; attempt < maxAttempts; attempt++) {
      const [next] = hook.delayed.splice(0);
      await attemptDelivery(next?.message ?? assert.fail(), hook.deliveries);
      hook.later(3600);
    }
    const [last] = hook.delayed.splice(0);
    await beginDeliveries([someEvent('PO-2')], hook.deliveries);
    await hook.settle();
    const failing = { ...hook.deliveries, post: async () => ({ status: 500 }) };
    await attemptDelivery(last?.message ?? assert.fail(), failing);
    assert.equal((await hook.delivery(someEvent().id))?.state, 'failed');
    assert.equal((await hook.webhook())?.disabled, undefined);
  });

  it('is disabled at once by 410, and waits as long as Retry-After says', async () => {
    await using receiver = await startReceiver([{ status: 503, headers: { 'retry-after': '900' } }, 410]);
    const hook = await someWebhook(receiver.url);
    await beginDeliveries([someEvent()], hook.deliveries);
    assert.deepEqual(await hook.settle(), [0, 900]);
    assert.equal((await hook.delivery(someEvent().id))?.state, 'failed');
    assert.equal((await hook.webhook())?.disabled?.why, 'The receiver answered 410: it is gone.');
  });

  it('gets one delivery, whatever is sent twice: the event, the message, or a message that is late', async () => {
    await using receiver = await startReceiver([500]);
    const hook = await someWebhook(receiver.url);
    await beginDeliveries([someEvent()], hook.deliveries);
    await beginDeliveries([someEvent()], hook.deliveries);
    const [first, again] = hook.delayed.splice(0).map(({ message }) => message);
    assert.deepEqual(first, again);
    for (const message of [first, again]) await attemptDelivery(message ?? assert.fail(), hook.deliveries);
    await hook.settle();
    await attemptDelivery(first ?? assert.fail(), hook.deliveries);
    assert.equal(receiver.received.length, 2);
    assert.equal((await hook.delivery(someEvent().id))?.attempts, 2);
  });

  it('loses no attempt when a worker dies between sending the next message and recording this one', async () => {
    await using receiver = await startReceiver([500, 500]);
    const hook = await someWebhook(receiver.url);
    await beginDeliveries([someEvent()], hook.deliveries);
    const [first] = hook.delayed.splice(0);
    const webhooks = { ...hook.webhooks, replaceDelivery: () => Promise.reject(new Error('cut')) };
    await assert.rejects(
      () => attemptDelivery(first?.message ?? assert.fail(), { ...hook.deliveries, webhooks }),
      /cut/,
    );
    // The message comes again, after the one that it sent.
    await hook.settle();
    await attemptDelivery(first?.message ?? assert.fail(), hook.deliveries);
    await hook.settle();
    assert.equal((await hook.delivery(someEvent().id))?.state, 'delivered');
  });

  it('ends its deliveries when it is deleted, and its secrets go with it', async () => {
    await using receiver = await startReceiver();
    const hook = await someWebhook(receiver.url);
    await beginDeliveries([someEvent()], hook.deliveries);
    await deleteWebhook(hook.webhookId, hook.admin);
    await hook.settle();
    assert.deepEqual([receiver.received, [...hook.secrets.values]], [[], []]);
    assert.equal((await hook.delivery(someEvent().id))?.lastError, 'The webhook was deleted.');
  });
});

describe('an attempt', () => {
  const id = someEvent().id;

  /** What the delivery is after one answer, and the delay of the next attempt. */
  async function after(answer: PostAnswer | Error, changes: Partial<DeliveryPorts> = {}) {
    const hook = await someWebhook('https://erp.example.com/');
    await beginDeliveries([someEvent()], hook.deliveries);
    const [first] = hook.delayed.splice(0);
    const post = async () => {
      if (answer instanceof Error) throw answer;
      return answer;
    };
    await attemptDelivery(first?.message ?? assert.fail(), { ...hook.deliveries, post, ...changes });
    const delivery = (await hook.delivery(id)) ?? assert.fail();
    return { ...hook, first: delivery, next: hook.delayed.map(({ delaySeconds }) => delaySeconds) };
  }

  it('succeeds with any status of success, and names a redirect', async () => {
    for (const status of [200, 204, 299]) assert.equal((await after({ status })).first.state, 'delivered', `${status}`);
    for (const status of [199, 400, 404]) {
      const { first, next } = await after({ status });
      assert.deepEqual([first.state, first.lastError], ['waiting', `The receiver answered ${status}.`]);
      assert.deepEqual(next, [5]);
    }
    for (const status of [300, 302, 399])
      assert.equal(
        (await after({ status })).first.lastError,
        `The receiver answered ${status}, a redirect, which is not followed.`,
      );
  });

  it('that fails is recorded with its time and that of the next one', async () => {
    const { first } = await after(new Error('no answer'));
    const { attempts, lastAttemptAt, nextAttemptAt, lastError } = first;
    assert.deepEqual(
      [attempts, lastAttemptAt, nextAttemptAt, lastError],
      [1, start.toISOString(), new Date(start.getTime() + 5000).toISOString(), 'no answer'],
    );
    assert.equal((await after({ status: 204 })).first.nextAttemptAt, undefined);
  });

  it('is followed up to a tenth later, and never later than a day after Retry-After', async () => {
    assert.deepEqual((await after({ status: 500 }, { random: () => 1 })).next, [6]);
    assert.deepEqual((await after({ status: 503, retryAfter: 3 })).next, [5]);
    assert.deepEqual((await after({ status: 503, retryAfter: 86_400 })).next, [86_400]);
    assert.deepEqual((await after({ status: 503, retryAfter: 86_401 })).next, [86_400]);
  });

  it('without a secret fails, and is made again after a rotation', async () => {
    const hook = await after({ status: 204 }, { secrets: { ...createEventPorts().secrets } });
    assert.equal(hook.first.lastError, 'The secret of the webhook is gone. Rotate it.');
    assert.deepEqual([hook.first.state, hook.next], ['waiting', [5]]);
  });

  it('is the last one when the webhook was disabled meanwhile', async () => {
    const hook = await someWebhook('https://erp.example.com/');
    await beginDeliveries([someEvent()], hook.deliveries);
    const read = (await hook.webhooks.read(hook.webhookId)) ?? assert.fail();
    const disabled = { at: 'then', why: 'by hand' };
    await hook.webhooks.replace({ ...read, value: { ...read.value, disabled } });
    assert.deepEqual(await hook.settle(), [0]);
    const delivery = await hook.delivery(id);
    assert.deepEqual([delivery?.state, delivery?.lastError], ['failed', 'The webhook is disabled.']);
    assert.deepEqual((await hook.webhook())?.disabled, disabled);
  });

  it('is the last one when the topic is gone', async () => {
    const given = createEventPorts();
    await beginDeliveries([someEvent()], { ...given.deliveries, publish: async () => {} });
    for (const { message } of given.delayed.splice(0)) await attemptDelivery(message, given.deliveries);
    const [delivery] = given.webhooks.allDeliveries();
    assert.deepEqual(
      [delivery?.state, delivery?.lastError, given.delayed],
      ['failed', 'This deployment has no Event Grid topic any more.', []],
    );
  });

  it('that succeeds is noted at its webhook, once per hour', async () => {
    await using receiver = await startReceiver();
    const hook = await someWebhook(receiver.url);
    const seen: (string | undefined)[] = [];
    for (const [order, seconds] of [0, 3599, 1].entries()) {
      hook.later(seconds);
      await beginDeliveries([someEvent(`PO-${order}`)], hook.deliveries);
      await hook.settle();
      seen.push((await hook.webhook())?.lastSuccessAt);
    }
    const hourLater = new Date(start.getTime() + 3_600_000).toISOString();
    assert.deepEqual(seen, [start.toISOString(), start.toISOString(), hourLater]);
  });

  it('that is answered with 410 disables the webhook, also after another success', async () => {
    await using receiver = await startReceiver([204, 410]);
    const hook = await someWebhook(receiver.url);
    await beginDeliveries([someEvent('PO-1')], hook.deliveries);
    const [late] = hook.delayed.splice(0);
    hook.later(60);
    await beginDeliveries([someEvent('PO-2')], hook.deliveries);
    await hook.settle();
    await attemptDelivery(late?.message ?? assert.fail(), hook.deliveries);
    assert.match((await hook.webhook())?.disabled?.why ?? '', /it is gone/);
  });

  it('disables a dead webhook although another write comes in between', async () => {
    const hook = await someWebhook('https://erp.example.com/');
    await beginDeliveries([someEvent()], hook.deliveries);
    let lost = 0;
    const replace: typeof hook.webhooks.replace = async (value) =>
      lost++ === 0 ? false : hook.webhooks.replace(value);
    const [first] = hook.delayed.splice(0);
    await attemptDelivery(first?.message ?? assert.fail(), {
      ...hook.deliveries,
      webhooks: { ...hook.webhooks, replace },
      post: async () => ({ status: 410 }),
    });
    assert.match((await hook.webhook())?.disabled?.why ?? '', /it is gone/);
  });
});

describe('the message of an attempt', () => {
  const message = { target: 'wh-0', deliveryId: 'evt_1', attempt: 1 };

  it('is read as it was sent', () => assert.deepEqual(parseDeliveryMessage(message), message));

  for (const changes of [
    { target: 'WH-0' },
    { target: '' },
    { target: 'x'.repeat(41) },
    { target: 'wh-0/' },
    { deliveryId: 'evt-1' },
    { deliveryId: '/evt_1' },
    { deliveryId: 'x'.repeat(61) },
    { attempt: 0 },
    { attempt: 1.5 },
    { attempt: 1001 },
    { more: 1 },
  ])
    it(`is refused with ${JSON.stringify(changes).slice(0, 40)}`, () => {
      const [name] = Object.keys(changes);
      assert.throws(() => parseDeliveryMessage({ ...message, ...changes }), {
        code: 'message-invalid',
        message: new RegExp(`${name === 'more' ? '\\(message\\): .*"more"' : name}`),
      });
    });
});

it('a webhook that names no types gets those that are not per device, and no test', () => {
  assert.deepEqual(
    defaultTypes(['fleet.job.ended', 'fleet.device.assigned', 'fleet.webhook.test', 'fleet.ca.ending']),
    ['fleet.job.ended', 'fleet.ca.ending'],
  );
});

describe('an Event Grid topic', () => {
  it('gets all events, those of devices in batches, and is tried again while it is away', async () => {
    let isAway = true;
    const published: (readonly { readonly id: string }[])[] = [];
    const publish = async (events: (typeof published)[number]) => {
      if (isAway) throw new FleetError('unavailable', 'Event Grid did not answer, or failed.', { retryAfter: 60 });
      published.push(events);
    };
    const given = createEventPorts();
    const ports = { ...given.deliveries, publish };
    const devices = Array.from({ length: 150 }, (_, index) => ({
      ...someEvent(`gw-${index}`),
      type: 'fleet.device.assigned' as const,
    }));
    await beginDeliveries([someEvent(), ...devices], ports);
    const first = given.delayed.splice(0);
    assert.equal(first.length, 3);
    for (const { message } of first) await attemptDelivery(message, ports);
    isAway = false;
    const second = given.delayed.splice(0);
    assert.deepEqual(
      second.map(({ delaySeconds }) => delaySeconds),
      [60, 60, 60],
    );
    for (const { message } of second) await attemptDelivery(message, ports);
    assert.deepEqual(
      published.map(({ length }) => length),
      [1, 100, 50],
    );
    const { items } = await given.webhooks.deliveries(eventGridTarget, { size: 10 });
    assert.deepEqual(
      items.map(({ state }) => state),
      ['delivered', 'delivered', 'delivered'],
    );
  });
});
