import { setTimeout as sleep } from 'node:timers/promises';
import type { QueueClient } from '@azure/storage-queue';
import pMap from 'p-map';
import { type RetryOptions, retrying } from '../retry.ts';
import type { MessageQueue } from '../storage.ts';
import { calling } from './service-errors.ts';
import { storageTimeoutMs, withInactivityTimeout } from './storage-timeouts.ts';

/** Puts of one queue gain nothing beyond this many at once, on Azurite; on Azure a queue takes 2,000 messages a second. */
const inFlight = 16;

/**
 * A message that is told to wait holds up itself and not the thousands that are sent with it: to begin all of them again
 * would meet the next refusal. A minute, since the SDK has been patient with 500 and 503 before; it is not with 429.
 */
const oneMessage: RetryOptions = {
  maxWaitSeconds: 60,
  sleep: async (milliseconds) => void (await sleep(milliseconds)),
};

/**
 * A storage queue as an Outbox. Messages are JSON objects as they are: host.json says `messageEncoding: none`, so plain
 * and base64 senders are both understood by the functions that read.
 */
export function createMessageQueue<Message>(
  queue: QueueClient,
  { patience = storageTimeoutMs, retry = oneMessage } = {},
): MessageQueue<Message> & { waiting(): Promise<number> } {
  return {
    async send(messages, { delaySeconds = 0 } = {}) {
      // Without a lifetime of -1 a message is gone after 7 days, unseen, and its job would wait for ever.
      const options = { visibilityTimeout: delaySeconds, messageTimeToLive: -1 };
      const put = (message: Message) =>
        withInactivityTimeout(patience, (abortSignal) =>
          queue.sendMessage(JSON.stringify(message), { ...options, abortSignal }),
        );
      const putPatiently = (message: Message) => retrying(() => calling('Queue storage', () => put(message)), retry);
      await pMap(messages, putPatiently, { concurrency: inFlight });
    },

    /** Messages that are there, hidden ones too; about. */
    async waiting() {
      const { approximateMessagesCount = 0 } = await calling('Queue storage', () =>
        withInactivityTimeout(patience, (abortSignal) => queue.getProperties({ abortSignal })),
      );
      return approximateMessagesCount;
    },
  };
}
