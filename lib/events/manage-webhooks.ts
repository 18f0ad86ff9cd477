import type { Act } from '../access/act.ts';
import { FleetError } from '../errors.ts';
import type { EventType } from '../outbox.ts';
import type { Versioned } from '../storage.ts';
import { secretBytes, webhookSecret } from './signature.ts';
import { maxWebhooks, type SecretStore, type Webhook, type WebhookStore } from './webhook.ts';

export interface ManagePorts {
  readonly webhooks: WebhookStore;
  readonly secrets: SecretStore;
  readonly now: () => Date;
  /** Random bytes, for ids and secrets. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Time to give a receiver its new secret: both secrets sign meanwhile. */
const rotationMs = 24 * 60 * 60 * 1000;

/** Attempts to write a webhook while deliveries note their success. */
const maxWriteAttempts = 10;

export interface WantedWebhook {
  readonly url: string;
  readonly types: readonly EventType[];
  readonly description?: string | undefined;
}

/** A webhook, and the value of its newest secret: nothing shows it again. */
export interface WebhookWithSecret {
  readonly webhook: Webhook;
  readonly secret: string;
}

/**
 * Declares a webhook. Its secret is stored before it: a crash in between leaves a secret that nothing uses.
 * @throws FleetError `method-conflict` when there are 20; `throttled`, `unavailable`, `setting-invalid`
 */
export async function createWebhook(wanted: WantedWebhook, by: string, ports: ManagePorts): Promise<WebhookWithSecret> {
  if ((await ports.webhooks.list()).length >= maxWebhooks) {
    throw new FleetError('method-conflict', `There are ${maxWebhooks} webhooks, the most. Delete one first.`);
  }
  const webhookId = `wh-${Buffer.from(ports.randomBytes(8)).toString('hex')}`;
  const { name, secret } = await newSecret(webhookId, ports);
  const created: Act = { by, at: ports.now().toISOString() };
  const webhook: Webhook = { webhookId, ...wanted, created, secrets: [{ name }] };
  await ports.webhooks.create(webhook);
  return { webhook, secret };
}

/**
 * Gives a webhook another secret. The one before signs for 24 hours more; older ones end now.
 * @throws FleetError `not-found`, `concurrent-change`, `throttled`, `unavailable`, `setting-invalid`
 */
export async function rotateSecret(webhookId: string, ports: ManagePorts): Promise<WebhookWithSecret> {
  await readWebhook(webhookId, ports);
  const { name, secret } = await newSecret(webhookId, ports);
  const until = new Date(ports.now().getTime() + rotationMs).toISOString();
  let ended: readonly string[] = [];
  const webhook = await changeWebhook(webhookId, ports, (before) => {
    const [latest, ...older] = before.secrets;
    ended = older.map((each) => each.name);
    return { ...before, secrets: [{ name }, ...(latest === undefined ? [] : [{ ...latest, until }])] };
  });
  for (const each of ended) await ports.secrets.remove(each);
  return { webhook, secret };
}

/** Sends to a webhook again. @throws FleetError `not-found`, `concurrent-change`, `throttled`, `unavailable` */
export function enableWebhook(webhookId: string, ports: ManagePorts): Promise<Webhook> {
  return changeWebhook(webhookId, ports, ({ disabled: _disabled, ...webhook }) => webhook);
}

/**
 * Deletes a webhook, and then its secrets. Deliveries that wait end as failed.
 * @throws FleetError `not-found`, `throttled`, `unavailable`, `setting-invalid`
 */
export async function deleteWebhook(webhookId: string, ports: ManagePorts): Promise<void> {
  const { value: webhook } = await readWebhook(webhookId, ports);
  await ports.webhooks.remove(webhookId);
  for (const { name } of webhook.secrets) await ports.secrets.remove(name);
}

/** @throws FleetError `not-found`, `throttled`, `unavailable` */
export async function readWebhook(
  webhookId: string,
  { webhooks }: Pick<ManagePorts, 'webhooks'>,
): Promise<Versioned<Webhook>> {
  const found = await webhooks.read(webhookId);
  if (found === undefined) throw new FleetError('not-found', `There is no webhook "${webhookId}".`);
  return found;
}

async function changeWebhook(
  webhookId: string,
  ports: ManagePorts,
  change: (webhook: Webhook) => Webhook,
): Promise<Webhook> {
  for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
    const read = await readWebhook(webhookId, ports);
    const value = change(read.value);
    if (await ports.webhooks.replace({ ...read, value })) return value;
  }
  throw new FleetError('concurrent-change', `Webhook "${webhookId}" changes faster than it can be written.`);
}

async function newSecret(webhookId: string, { secrets, randomBytes }: ManagePorts) {
  // A vault keeps the names of deleted secrets, so each secret has a new one.
  const name = `webhook-${webhookId}-${Buffer.from(randomBytes(4)).toString('hex')}`;
  const bytes = randomBytes(secretBytes);
  const secret = webhookSecret(bytes);
  bytes.fill(0);
  await secrets.set(name, secret);
  return { name, secret };
}
