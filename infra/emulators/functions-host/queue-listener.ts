import { setTimeout as sleep } from 'node:timers/promises';
import { type DequeuedMessageItem, QueueServiceClient } from '@azure/storage-queue';
import type { RegisteredFunction, TypedData } from './functions-core.ts';
import type { QueueSettings } from './host-json.ts';
import type { HostLog, Invoke } from './invocation.ts';
import { messageTexts } from './message-texts.ts';

/*
 * One queue trigger, as QueueListener.cs and QueueProcessor.cs of the storage extension implement it
 * (https://github.com/Azure/azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.Storage.Queues). It receives a batch, processes its
 * messages in parallel, and receives the next batch when enough of them are done. It renews the lease of a message during the
 * processing. It deletes the message on success. On failure it releases the message, or moves it to the poison queue; a message
 * of a queue that has no poison queue is left hidden until its lease ends.
 */

export interface QueueListenerOptions {
  readonly target: RegisteredFunction;
  readonly queueName: string;
  readonly connectionString: string;
  readonly settings: QueueSettings;
  /** Time that a received message stays hidden without renewal. The real host always uses 10 minutes. */
  readonly leaseSeconds: number;
  /** Time after which a call of the storage, with its retries, counts as failed. Default: 100,000 ms. */
  readonly callTimeoutMs?: number;
  readonly invoke: Invoke;
  readonly log: HostLog;
}

export interface QueueListener {
  /** Stops receiving and waits for the running invocations. */
  stop(): Promise<void>;
}

/** First delay after an empty batch, in ms. As in RandomizedExponentialBackoffStrategy.cs it then grows by about 100 ms * 2^n. */
const minimumPoll = 100;

/** Few retries, because the next poll is a retry too. */
const retryOptions = { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 };

/**
 * An answer that never comes must not end the polling. The clients of the real host wait as long for the network
 * (https://learn.microsoft.com/dotnet/api/azure.core.retryoptions.networktimeout).
 */
const defaultCallTimeoutMs = 100_000;

/** Maximum length of a queue name, https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata */
const maxQueueNameLength = 63;

export function listenToQueue(options: QueueListenerOptions): QueueListener {
  const { target, queueName, connectionString, settings, leaseSeconds, invoke, log } = options;
  const { callTimeoutMs = defaultCallTimeoutMs } = options;
  const service = QueueServiceClient.fromConnectionString(connectionString, { retryOptions });
  const queue = service.getQueueClient(queueName);
  const poisonName = `${queueName}-poison`;
  const hasPoison = !queueName.endsWith('-poison') && poisonName.length <= maxQueueNameLength;
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  const finished = poll();

  async function poll(): Promise<void> {
    let empty = 0;
    while (!stopping.signal.aborted) {
      const messages = await receive();
      for (const message of messages) {
        const work = processMessage(message).finally(() => running.delete(work));
        running.add(work);
      }
      empty = messages.length > 0 ? 0 : empty + 1;
      // Wait for free capacity, or after an empty batch for the next poll.
      while (running.size > settings.newBatchThreshold && !stopping.signal.aborted) await Promise.race(running);
      if (empty > 0) await pause(backOff(empty, settings.maxPollingInterval));
    }
    await Promise.all(running);
  }

  async function receive(): Promise<DequeuedMessageItem[]> {
    try {
      const answer = await queue.receiveMessages({
        numberOfMessages: settings.batchSize,
        visibilityTimeout: leaseSeconds,
        ...inTime(),
      });
      const texts = messageTexts(answer._response.bodyAsText);
      return answer.receivedMessageItems.map((item, index) => ({
        ...item,
        messageText: texts[index] ?? item.messageText,
      }));
    } catch (error) {
      // A missing queue may be created later. Other errors are logged.
      if (statusOf(error) !== 404) report('warning', `Queue ${queueName} could not be read: ${textOf(error)}`);
      return [];
    }
  }

  /** Never throws. After an error the message stays hidden until its lease ends and is then delivered again. */
  async function processMessage(message: DequeuedMessageItem): Promise<void> {
    try {
      const body = settings.messageEncoding === 'base64' ? fromBase64(message.messageText) : message.messageText;
      if (body === undefined) {
        report('error', `Message ${message.messageId} is not base64. It is moved to the poison queue unchanged.`);
        await moveToPoison(message, message.popReceipt);
      } else if (hasPoison && message.dequeueCount > settings.maxDequeueCount) {
        // The hosts of its last deliveries crashed, so none of them moved it.
        await moveToPoison(message, message.popReceipt);
      } else {
        await run(message, body);
      }
    } catch (error) {
      report(
        'warning',
        `Could not delete, release or move a message of ${queueName}. It is delivered again. ${textOf(error)}`,
      );
    }
  }

  async function run(message: DequeuedMessageItem, body: string): Promise<void> {
    const lease = keepHidden(message);
    try {
      await invoke(target, { data: { string: body }, metadata: metadataOf(message, body) });
    } catch (error) {
      report('error', `Result: Failure\nException: ${error instanceof Error ? error.stack : String(error)}`);
      const popReceipt = await lease.end();
      // Not released: without a poison queue it would fail in a fast loop. It stays hidden until its lease ends.
      if (!hasPoison) return;
      if (message.dequeueCount >= settings.maxDequeueCount) return moveToPoison(message, popReceipt);
      const visibilityTimeout = Math.round(settings.visibilityTimeout / 1000);
      // Without a text, the service keeps the one that it has.
      return settle(() => queue.updateMessage(message.messageId, popReceipt, undefined, visibilityTimeout, inTime()));
    }
    const popReceipt = await lease.end();
    await settle(() => queue.deleteMessage(message.messageId, popReceipt, inTime()));
  }

  /** Renews the lease of a message after half of its time, until `end`. */
  function keepHidden({ messageId, popReceipt }: DequeuedMessageItem): { end(): Promise<string> } {
    let receipt = popReceipt;
    let renewal = Promise.resolve();
    const half = (leaseSeconds * 1000) / 2;
    let timer = setTimeout(renew, half);
    let ended = false;

    function renew(): void {
      renewal = queue.updateMessage(messageId, receipt, undefined, leaseSeconds, inTime()).then(
        (answer) => {
          receipt = answer.popReceipt ?? receipt;
          if (!ended) timer = setTimeout(renew, half);
        },
        (error: unknown) => {
          // Do not renew a message that is deleted or has another receipt. After another error, retry sooner.
          const lost = statusOf(error) === 404 || statusOf(error) === 400;
          if (!ended && !lost) timer = setTimeout(renew, half / 5);
        },
      );
    }

    return {
      // Waits for a running renewal, which changes the receipt.
      end: async () => {
        ended = true;
        clearTimeout(timer);
        await renewal;
        return receipt;
      },
    };
  }

  /** Moves the body to `<queue>-poison`. The new message has its own id and dequeue count. */
  async function moveToPoison(
    { messageId, messageText, dequeueCount }: DequeuedMessageItem,
    popReceipt: string,
  ): Promise<void> {
    // Without a poison queue the message is delivered again after its lease.
    if (!hasPoison) return;
    report('warning', `Message was delivered ${dequeueCount} times. Moving it to queue ${poisonName}.`);
    const poison = service.getQueueClient(poisonName);
    await poison.createIfNotExists(inTime());
    await poison.sendMessage(messageText, inTime());
    await settle(() => queue.deleteMessage(messageId, popReceipt, inTime()));
  }

  /** Ignores that the message is deleted (404) or was delivered to another host (400, PopReceiptMismatch). */
  async function settle(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (statusOf(error) !== 404 && statusOf(error) !== 400) throw error;
    }
  }

  function inTime(): { abortSignal: AbortSignal } {
    return { abortSignal: AbortSignal.timeout(callTimeoutMs) };
  }

  function report(level: 'warning' | 'error', message: string): void {
    log({ level, category: 'host', message, functionName: target.name });
  }

  async function pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: stopping.signal }).catch(() => undefined);
  }

  return {
    async stop() {
      stopping.abort();
      await finished;
    },
  };
}

function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number } | undefined)?.statusCode;
}

/** An error of the storage client in one line. Its message contains the whole answer. */
function textOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return [code, message?.split('\n')[0]].filter((part) => part !== undefined && part !== '').join(': ');
}

function backOff(empty: number, longest: number): number {
  if (empty === 1) return Math.min(minimumPoll, longest);
  const jitter = 0.8 + Math.random() * 0.4;
  return Math.min(minimumPoll + jitter * 2 ** Math.min(empty - 2, 20) * minimumPoll, longest);
}

function fromBase64(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text) || text.replaceAll(/\s/g, '').length % 4 !== 0) return undefined;
  return Buffer.from(text, 'base64').toString('utf8');
}

/** The trigger metadata of a message, and the members of a JSON body, which override it. */
function metadataOf(message: DequeuedMessageItem, body: string): Record<string, TypedData> {
  const time = (date: Date) => ({ json: JSON.stringify(date.toISOString().replace('Z', '+00:00')) });
  return {
    QueueTrigger: { string: body },
    DequeueCount: { json: String(message.dequeueCount) },
    ExpirationTime: time(message.expiresOn),
    InsertionTime: time(message.insertedOn),
    NextVisibleTime: time(message.nextVisibleOn),
    Id: { string: message.messageId },
    PopReceipt: { string: message.popReceipt },
    ...payloadMembers(body),
  };
}

function payloadMembers(body: string): Record<string, TypedData> {
  let payload: unknown;
  try {
    payload = JSON.parse(body);
  } catch {
    return {};
  }
  if (payload === null || typeof payload !== 'object' || Array.isArray(payload)) return {};
  const members = Object.entries(payload).filter(([, value]) => value !== null && !Array.isArray(value));
  return Object.fromEntries(
    members.map(([name, value]): [string, TypedData] => [
      name,
      typeof value === 'object' ? { json: JSON.stringify(value) } : { string: dotNetText(value) },
    ]),
  );
}

function dotNetText(value: unknown): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
}
