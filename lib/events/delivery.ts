import { createHash } from 'node:crypto';
import pMap from 'p-map';
import * as z from 'zod';
import { asFleetError, excerpt, FleetError } from '../errors.ts';
import { currentLog } from '../log.ts';
import type { EventType } from '../outbox.ts';
import { queues } from '../resource-names.ts';
import type { MessageQueue, Versioned } from '../storage.ts';
import { type CloudEvent, inMessages } from './cloud-event.ts';
import type { Post } from './post.ts';
import { webhookHeaders } from './signature.ts';
import { type Delivery, eventGridTarget, type SecretStore, type Webhook, type WebhookStore } from './webhook.ts';

const deliveryMessage = z.strictObject({
  target: z.string().regex(/^[a-z0-9-]{1,40}$/),
  deliveryId: z.string().regex(/^[a-z0-9_]{1,60}$/),
  attempt: z.int().min(1).max(1000),
});

/** One attempt at one delivery, on queue `event-deliveries`. */
export type DeliveryMessage = Readonly<z.output<typeof deliveryMessage>>;

/** @throws FleetError `message-invalid` */
export function parseDeliveryMessage(body: unknown): DeliveryMessage {
  const parsed = deliveryMessage.safeParse(body);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.') || '(message)', message }));
  throw FleetError.of('message-invalid', `A message of queue "${queues.deliveries}"`, faults);
}

export interface DeliveryPorts {
  readonly webhooks: WebhookStore;
  readonly secrets: SecretStore;
  readonly deliveryQueue: MessageQueue<DeliveryMessage>;
  readonly post: Post;
  /** Publishes to the Event Grid topic of the deployment. Absent: there is none. @throws Error */
  readonly publish?: ((events: readonly CloudEvent[]) => Promise<void>) | undefined;
  readonly now: () => Date;
  /** 0 to 1, evenly. */
  readonly random: () => number;
}

/**
 * Seconds before each attempt: three days in all. The schedule that Standard Webhooks recommends:
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability
 */
const delays = [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400] as const;
export const maxAttempts = delays.length;

/** Up to a tenth more, so that the deliveries of an hour without a receiver do not all come back in one second. */
const jitter = 0.1;

/** Longest wait that a receiver can ask for (Retry-After), seconds. */
const maxRetryAfter = 86_400;

/** Writes of `lastSuccessAt` would race for one document. Once per hour is exact enough for days of failures. */
const successGranularityMs = 60 * 60 * 1000;

/** Deliveries written at once: 500 documents that owe events (send-events.ts) are 10,000 deliveries for 20 webhooks. */
const writesAtOnce = 16;

/** A webhook gets these only if it names them: there is one per device. */
const onlyWhenAsked: readonly EventType[] = ['fleet.device.assigned'];

/** @returns the types that a webhook gets when it names none */
export function defaultTypes(all: readonly EventType[]): EventType[] {
  return all.filter((type) => !onlyWhenAsked.includes(type) && type !== 'fleet.webhook.test');
}

/**
 * Stores a delivery for each target of these events, and sends the messages of their first attempts. Doing it twice changes
 * nothing: a delivery is created once.
 * @throws FleetError `throttled`, `unavailable`
 */
export async function beginDeliveries(events: readonly CloudEvent[], ports: DeliveryPorts): Promise<void> {
  const webhooks = (await ports.webhooks.list()).filter(({ disabled }) => disabled === undefined);
  const toWebhooks = webhooks.flatMap(({ webhookId, types }) =>
    events.filter(({ type }) => types.includes(type)).map((event) => ({ target: webhookId, events: [event] })),
  );
  const topics = ports.publish === undefined ? [] : [eventGridTarget];
  const toTopics = topics.flatMap((target) => inMessages(events).map((batch) => ({ target, events: batch })));
  await beginEach([...toWebhooks, ...toTopics], ports);
}

/** Sends an event to one webhook, whatever types it gets. @throws FleetError `throttled`, `unavailable` */
export function beginDelivery(webhookId: string, event: CloudEvent, ports: DeliveryPorts): Promise<void> {
  return beginEach([{ target: webhookId, events: [event] }], ports);
}

async function beginEach(wanted: readonly Pick<Delivery, 'target' | 'events'>[], ports: DeliveryPorts): Promise<void> {
  const { webhooks, deliveryQueue, now } = ports;
  const createdAt = now().toISOString();
  const begin = async ({ target, events }: (typeof wanted)[number]): Promise<DeliveryMessage> => {
    const deliveryId = deliveryIdOf(events);
    await webhooks.createDelivery({ deliveryId, target, events, state: 'waiting', attempts: 0, createdAt });
    return { target, deliveryId, attempt: 1 };
  };
  const messages = await pMap(wanted, begin, { concurrency: writesAtOnce });
  if (messages.length > 0) await deliveryQueue.send(messages);
}

function deliveryIdOf(events: readonly CloudEvent[]): string {
  const [first] = events;
  if (first !== undefined && events.length === 1) return first.id;
  const digest = createHash('sha256').update(events.map(({ id }) => id).join('\n'));
  return `batch_${digest.digest('hex').slice(0, 32)}`;
}

/**
 * Makes one attempt at a delivery. A message that comes again is left: the delivery says how often it was tried. The message of
 * the next attempt is sent before this one is recorded, so a crash in between repeats an attempt and loses none.
 * @throws FleetError `throttled`, `unavailable`
 */
export async function attemptDelivery(message: DeliveryMessage, ports: DeliveryPorts): Promise<void> {
  const { target, deliveryId, attempt } = message;
  const read = await ports.webhooks.readDelivery(target, deliveryId);
  if (read === undefined || read.value.state !== 'waiting' || attempt <= read.value.attempts) return;
  const outcome = await attemptAt(read.value, ports);
  const at = ports.now();
  const tried = { ...read.value, attempts: attempt, lastAttemptAt: at.toISOString(), nextAttemptAt: undefined };
  if ('delivered' in outcome) {
    await ports.webhooks.replaceDelivery({ ...read, value: { ...tried, state: 'delivered', lastError: undefined } });
    await noteSuccess(target, at, ports);
    return;
  }
  const { error: lastError, final = false, retryAfter = 0 } = outcome;
  currentLog().warn('event not delivered', { target, delivery: deliveryId, attempt, reason: lastError });
  const delay = final ? undefined : delayBefore(attempt + 1, retryAfter, ports);
  if (delay === undefined) {
    await ports.webhooks.replaceDelivery({ ...read, value: { ...tried, state: 'failed', lastError } });
    await disableIfDead(tried, outcome, at, ports);
    return;
  }
  await ports.deliveryQueue.send([{ target, deliveryId, attempt: attempt + 1 }], { delaySeconds: delay });
  const nextAttemptAt = new Date(at.getTime() + delay * 1000).toISOString();
  await ports.webhooks.replaceDelivery({ ...read, value: { ...tried, lastError, nextAttemptAt } });
}

/** @returns seconds; undefined after the last attempt */
function delayBefore(attempt: number, retryAfter: number, { random }: DeliveryPorts): number | undefined {
  const seconds = delays[attempt - 1];
  if (seconds === undefined) return undefined;
  return Math.ceil(Math.max(seconds * (1 + jitter * random()), Math.min(retryAfter, maxRetryAfter)));
}

/** The outcome of one attempt. `final`: further ones would change nothing. */
type Attempt =
  | { readonly delivered: true }
  | {
      readonly error: string;
      readonly final?: true;
      readonly retryAfter?: number | undefined;
      /** The receiver said that it is gone for good: 410. */
      readonly gone?: true;
    };

async function attemptAt(delivery: Delivery, ports: DeliveryPorts): Promise<Attempt> {
  if (delivery.target === eventGridTarget) return publishTo(delivery, ports);
  const webhook = (await ports.webhooks.read(delivery.target))?.value;
  if (webhook === undefined) return { error: 'The webhook was deleted.', final: true };
  if (webhook.disabled !== undefined) return { error: 'The webhook is disabled.', final: true };
  return postTo(webhook, delivery, ports);
}

async function publishTo({ events }: Delivery, { publish }: DeliveryPorts): Promise<Attempt> {
  if (publish === undefined) return { error: 'This deployment has no Event Grid topic any more.', final: true };
  try {
    await publish(events);
    return { delivered: true };
  } catch (error) {
    const { message, details } = asFleetError(error);
    return { error: excerpt(message), retryAfter: details.retryAfter };
  }
}

async function postTo(webhook: Webhook, { events }: Delivery, ports: DeliveryPorts): Promise<Attempt> {
  const [event] = events;
  if (event === undefined) return { error: 'The delivery has no event.', final: true };
  const at = ports.now();
  const secrets = await validSecrets(webhook, at, ports.secrets);
  if (secrets.length === 0) return { error: 'The secret of the webhook is gone. Rotate it.' };
  // `timestamp` is what Standard Webhooks asks for. To CloudEvents it is an extension attribute.
  const body = JSON.stringify({ ...event, timestamp: event.time });
  const headers = {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'user-agent': 'fleet-orchestrator',
    ...webhookHeaders({ id: event.id, at, body }, secrets),
  };
  try {
    const { status, retryAfter } = await ports.post({ url: webhook.url, headers, body });
    if (status >= 200 && status < 300) return { delivered: true };
    if (status === 410) return { error: 'The receiver answered 410: it is gone.', final: true, gone: true };
    const redirect = status >= 300 && status < 400 ? ', a redirect, which is not followed' : '';
    return { error: `The receiver answered ${status}${redirect}.`, retryAfter };
  } catch (error) {
    return { error: excerpt(error instanceof Error ? error.message : String(error)) };
  }
}

async function validSecrets({ secrets }: Webhook, at: Date, store: SecretStore): Promise<string[]> {
  const valid = secrets.filter(({ until }) => until === undefined || until > at.toISOString());
  const values = await Promise.all(valid.map(({ name }) => store.get(name)));
  return values.filter((value) => value !== undefined);
}

async function noteSuccess(target: string, at: Date, { webhooks }: DeliveryPorts): Promise<void> {
  const read = target === eventGridTarget ? undefined : await webhooks.read(target);
  if (read === undefined) return;
  const last = Date.parse(read.value.lastSuccessAt ?? '1970-01-01');
  if (at.getTime() - last < successGranularityMs) return;
  // Another success of this hour may be noted at the same moment. One of them is enough.
  await webhooks.replace({ ...read, value: { ...read.value, lastSuccessAt: at.toISOString() } });
}

/**
 * Disables a webhook whose receiver is gone: it answered 410, or a delivery failed for good and none has succeeded since that one
 * began.
 */
async function disableIfDead(
  { target, createdAt, attempts }: Delivery,
  outcome: { readonly error: string; readonly gone?: true },
  at: Date,
  { webhooks }: DeliveryPorts,
): Promise<void> {
  if (target === eventGridTarget || (outcome.gone === undefined && attempts < maxAttempts)) return;
  for (;;) {
    const read: Versioned<Webhook> | undefined = await webhooks.read(target);
    if (read === undefined || read.value.disabled !== undefined) return;
    const { lastSuccessAt = '' } = read.value;
    if (outcome.gone === undefined && lastSuccessAt > createdAt) return;
    const why = outcome.gone
      ? outcome.error
      : `${attempts} attempts of a delivery failed. The last one: ${outcome.error}`;
    const disabled = { at: at.toISOString(), why };
    if (!(await webhooks.replace({ ...read, value: { ...read.value, disabled } }))) continue;
    currentLog().error('webhook disabled', { webhook: target, reason: why });
    return;
  }
}
