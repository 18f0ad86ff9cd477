import type { Act } from '../access/act.ts';
import type { EventType } from '../outbox.ts';
import type { Page, PageRequest, Versioned } from '../storage.ts';
import type { CloudEvent } from './cloud-event.ts';

/** An address that events are posted to. */
export interface Webhook {
  readonly webhookId: string;
  readonly url: string;
  /** The events that it gets. */
  readonly types: readonly EventType[];
  readonly description?: string | undefined;
  readonly created: Act;
  /** The secrets that sign, newest first. Their values are in the secret store. */
  readonly secrets: readonly WebhookSecret[];
  /** Why and since when nothing is sent. */
  readonly disabled?: { readonly at: string; readonly why: string };
  /** When a delivery succeeded last, to the hour: ISO 8601, UTC. */
  readonly lastSuccessAt?: string;
}

export interface WebhookSecret {
  /** Its name in the secret store. */
  readonly name: string;
  /** A secret that was rotated signs until then: ISO 8601, UTC. */
  readonly until?: string;
}

/** Events for one target, and the state of their delivery. Kept for 30 days. */
export interface Delivery {
  /** The id of its event; of several events a digest of their ids. */
  readonly deliveryId: string;
  /** A webhook, or `eventGridTarget`. */
  readonly target: string;
  /** One event, or a batch for Event Grid. */
  readonly events: readonly CloudEvent[];
  readonly state: DeliveryState;
  /** How often it was tried. */
  readonly attempts: number;
  readonly createdAt: string;
  readonly lastAttemptAt?: string;
  /** About when it is tried again. */
  readonly nextAttemptAt?: string | undefined;
  /** Why the latest attempt failed. */
  readonly lastError?: string | undefined;
}

export type DeliveryState = (typeof deliveryStates)[number];
export const deliveryStates = ['waiting', 'delivered', 'failed'] as const;

/** The Event Grid topic of the deployment, as the target of a delivery. */
export const eventGridTarget = 'event-grid';

/** Webhooks of a deployment, at most. Each event is a delivery for each of them. */
export const maxWebhooks = 20;

/**
 * Webhooks and deliveries. Adapter: lib/azure/cosmos-events.ts.
 * Every method throws FleetError `throttled` or `unavailable`; a write may have taken effect then.
 */
export interface WebhookStore {
  /** @returns false when there is one of its id */
  create(webhook: Webhook): Promise<boolean>;
  read(webhookId: string): Promise<Versioned<Webhook> | undefined>;
  /** @returns false when it changed or was deleted since it was read */
  replace(webhook: Versioned<Webhook>): Promise<boolean>;
  /** @returns false when there is none */
  remove(webhookId: string): Promise<boolean>;
  /** All, by id. */
  list(): Promise<Webhook[]>;
  /** @returns false when there is one of its id for its target */
  createDelivery(delivery: Delivery): Promise<boolean>;
  readDelivery(target: string, deliveryId: string): Promise<Versioned<Delivery> | undefined>;
  /** @returns false when it changed or was deleted since it was read */
  replaceDelivery(delivery: Versioned<Delivery>): Promise<boolean>;
  /** Deliveries to a target, newest first. */
  deliveries(
    target: string,
    page: PageRequest & { readonly state?: DeliveryState | undefined },
  ): Promise<Page<Delivery>>;
}

/** Secrets by name. Adapters: file-secret-store.ts, lib/azure/key-vault-secrets.ts. */
export interface SecretStore {
  /** @throws FleetError `throttled`, `unavailable`, `setting-invalid` */
  set(name: string, value: string): Promise<void>;
  /** @returns undefined when there is none. @throws FleetError `throttled`, `unavailable`, `setting-invalid` */
  get(name: string): Promise<string | undefined>;
  /** A secret that is not there is removed already. @throws FleetError `throttled`, `unavailable`, `setting-invalid` */
  remove(name: string): Promise<void>;
}
