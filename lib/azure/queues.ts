import { setTimeout as sleep } from 'node:timers/promises';
import type { QueueClient } from '@azure/storage-queue';
import pMap from 'p-map';
import { type RetryOptions, retrying } from '../retry.ts';
import type { ObservableQueue } from '../storage.ts';
import { calling } from './service-errors.ts';
import { storageTimeoutMs, withInactivityTimeout } from './storage-timeouts.ts';

/** Concurrent sends to one queue. More gain nothing on Azurite; on Azure a queue takes 2,000 messages a second. */
const concurrentSends = 16;

/**
 * A throttled message is repeated by itself: repeating the whole batch would be throttled again. One minute is enough
 * because the SDK has retried 500 and 503 before; it does not retry 429.
 */
const retryOfOneMessage: RetryOptions = {
  maxWaitSeconds: 60,
  sleep: async (milliseconds) => void (await sleep(milliseconds)),
};

/**
 * A storage queue as an ObservableQueue. Messages are plain JSON: host.json sets `messageEncoding: none`, and the functions
 * that read accept plain and base64 messages.
 * @param options.timeoutMs a request fails when nothing arrives for this many milliseconds
 * @param options.timeToLiveSeconds how long a message stays; -1, the default: until it is handled
 */
export function createMessageQueue<Message>(
  queue: QueueClient,
  { timeoutMs = storageTimeoutMs, retry = retryOfOneMessage, timeToLiveSeconds = -1 } = {},
): ObservableQueue<Message> {
  const request = <T>(work: (abortSignal: AbortSignal) => Promise<T>): Promise<T> =>
    calling('Queue storage', () => withInactivityTimeout(timeoutMs, work));

  return {
    async send(messages, { delaySeconds = 0 } = {}) {
      // -1: never expires. By default a message is deleted after 7 days, and its job would wait forever.
      const options = { visibilityTimeout: delaySeconds, messageTimeToLive: timeToLiveSeconds };
      const sendOne = (message: Message) =>
        retrying(
          () => request((abortSignal) => queue.sendMessage(messageText(message), { ...options, abortSignal })),
          retry,
        );
      await pMap(messages, sendOne, { concurrency: concurrentSends });
    },

    async waiting() {
      const { approximateMessagesCount = 0 } = await request((abortSignal) => queue.getProperties({ abortSignal }));
      return approximateMessagesCount;
    },

    async oldest() {
      const { peekedMessageItems } = await request((abortSignal) =>
        queue.peekMessages({ numberOfMessages: 1, abortSignal }),
      );
      return peekedMessageItems[0]?.insertedOn;
    },
  };
}

/**
 * The message as JSON that XML can carry: a message is sent in an XML document, which cannot have the characters U+FFFE and
 * U+FFFF (https://www.w3.org/TR/xml/#charsets). They can come in the texts of a sender, such as the reference of an order. The
 * service refuses such a document each time, so all messages of its batch would wait for it forever. JSON escapes control
 * characters and single surrogates by itself.
 */
function messageText(message: unknown): string {
  return JSON.stringify(message).replace(
    /[\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16)}`,
  );
}
