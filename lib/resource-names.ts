/**
 * The names of the queues and containers that the app works with, each in this file only. Bicep (infra/azure) declares
 * the same; test/infra/azure compares them.
 */

/** Storage queues. Each has a poison queue beside it, see `poisonQueue`. */
export const queues = {
  /** Event Grid's BlobCreated events of the container `manifests`. */
  uploads: 'manifest-uploads',
  /** Orders of the ERP. */
  orders: 'orders',
  /** Chunks of manifests (lib/jobs/messages.ts). */
  chunks: 'chunks',
  /** The individual enrollments of one chunk (lib/jobs/messages.ts). */
  enrollments: 'individual-enrollments',
  /** Devices whose doors are to be closed, opened or looked at again (lib/pipeline/settle-block.ts). */
  blocks: 'device-blocks',
  /** Events that are to be delivered to a webhook or an Event Grid topic (lib/events/delivery.ts). */
  deliveries: 'event-deliveries',
} as const;

export type QueueName = (typeof queues)[keyof typeof queues];

export type PoisonQueueName = `${QueueName}-poison`;

export const queueNames: readonly QueueName[] = Object.values(queues);

/**
 * The queue that the Functions host moves a message to after its last delivery. The suffix is the host's:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages
 */
export function poisonQueue(queue: QueueName): PoisonQueueName {
  return `${queue}-poison`;
}

/**
 * The queue of events for other systems: CloudEvents 1.0. This app only sends to it. Its reader deletes the messages that it has handled.
 */
export const eventQueue = 'fleet-events';

/** Blob containers. */
export const blobContainers = {
  manifests: 'manifests',
  bundles: 'bundles',
  reports: 'reports',
  /** One blob per task that must run on one instance at a time (blob lease). */
  locks: 'locks',
  /** The audit trail: what is never overwritten. */
  audit: 'audit',
  /** The audit trail: its latest checkpoint, and tiles that are not full yet. */
  auditHead: 'audit-head',
} as const;

/** Containers of the Cosmos DB database. */
export const cosmosContainers = {
  devices: 'devices',
  jobs: 'jobs',
  groups: 'groups',
  deadLetters: 'dead-letters',
  findings: 'findings',
  events: 'events',
  delegatedCas: 'delegated-cas',
} as const;
