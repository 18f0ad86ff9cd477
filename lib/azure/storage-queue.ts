import type { QueueClient } from '@azure/storage-queue';
import pMap from 'p-map';
import type { Outbox } from '../outbox.ts';
import { calling } from './service-errors.ts';

/** Puts of one queue gain nothing beyond this many at once, on Azurite; on Azure a queue takes 2,000 messages a second. */
const inFlight = 16;

/**
 * A storage queue as an Outbox. Messages are JSON objects as they are: host.json says `messageEncoding: none`, so plain
 * and base64 senders are both understood by the functions that read.
 */
export function createOutbox<Message>(queue: QueueClient): Outbox<Message> {
  return {
    async send(messages) {
      await pMap(messages, (message) => calling('Queue storage', () => queue.sendMessage(JSON.stringify(message))), {
        concurrency: inFlight,
      });
    },
  };
}
