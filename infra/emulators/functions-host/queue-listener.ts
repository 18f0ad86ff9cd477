import { setTimeout as sleep } from 'node:timers/promises';
import { type DequeuedMessageItem, QueueServiceClient } from '@azure/storage-queue';
import type { RegisteredFunction, TypedData } from './functions-core.ts';
import type { QueueSettings } from './host-json.ts';
import type { HostLog, Invoke } from './invocation.ts';

/*
 * One queue trigger, as QueueListener.cs and QueueProcessor.cs of the storage extension run it
 * (https://github.com/Azure/azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.Storage.Queues): receive a batch, run
 * every message of it at once, receive the next when enough have ended; keep a message hidden while it is worked on;
 * delete it on success, release or bury it on failure.
 */

export interface QueueListenerOptions {
  readonly target: RegisteredFunction;
  readonly queueName: string;
  readonly connectionString: string;
  readonly settings: QueueSettings;
  /** How long a received message stays hidden unless it is renewed. The real host: 10 minutes, fixed. */
  readonly leaseSeconds: number;
  readonly invoke: Invoke;
  readonly log: HostLog;
}

export interface QueueListener {
  /** Stops receiving and waits for what is in work. */
  stop(): Promise<void>;
}

/** Back-off between empty receives, as RandomizedExponentialBackoffStrategy.cs: 100 ms, then about 100 ms * 2^n more. */
const minimumPoll = 100;

/** A storage that is away is asked again by the poll itself, so the client need not be patient. */
const retryOptions = { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 };

/** The longest name a queue may have; https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata */
const longestQueueName = 63;

export function listenToQueue(options: QueueListenerOptions): QueueListener {
  const { target, queueName, connectionString, settings, leaseSeconds, invoke, log } = options;
  const service = QueueServiceClient.fromConnectionString(connectionString, { retryOptions });
  const queue = service.getQueueClient(queueName);
  const poisonName = `${queueName}-poison`;
  const hasPoison = !queueName.endsWith('-poison') && poisonName.length <= longestQueueName;
  const inWork = new Set<Promise<void>>();
  const stopping = new AbortController();
  const finished = poll();

  async function poll(): Promise<void> {
    let empty = 0;
    while (!stopping.signal.aborted) {
      const messages = await receive();
      for (const message of messages) {
        const work = processMessage(message).finally(() => inWork.delete(work));
        inWork.add(work);
      }
      empty = messages.length > 0 ? 0 : empty + 1;
      // A full pipeline waits for room; an empty queue for time.
      while (inWork.size > settings.newBatchThreshold && !stopping.signal.aborted) await Promise.race(inWork);
      if (empty > 0) await pause(backOff(empty, settings.maxPollingInterval));
    }
    await Promise.all(inWork);
  }

  async function receive(): Promise<DequeuedMessageItem[]> {
    try {
      const numberOfMessages = settings.batchSize;
      return (await queue.receiveMessages({ numberOfMessages, visibilityTimeout: leaseSeconds })).receivedMessageItems;
    } catch (error) {
      // A queue that is not there is polled for; anything else is told.
      if (statusOf(error) !== 404) tell('warning', `Queue ${queueName} could not be read: ${textOf(error)}`);
      return [];
    }
  }

  /** Never throws: whatever goes wrong, the message is left hidden and comes again. */
  async function processMessage(message: DequeuedMessageItem): Promise<void> {
    try {
      const body = settings.messageEncoding === 'base64' ? fromBase64(message.messageText) : message.messageText;
      if (body === undefined) {
        tell('error', `Message ${message.messageId} is no base64; it goes to the poison queue as it is.`);
        await bury(message, message.popReceipt);
      } else if (hasPoison && message.dequeueCount > settings.maxDequeueCount) {
        // Its last deliveries ended without a word: whoever had it died.
        await bury(message, message.popReceipt);
      } else {
        await run(message, body);
      }
    } catch (error) {
      tell('warning', `A message of ${queueName} could not be settled and will come again: ${textOf(error)}`);
    }
  }

  async function run(message: DequeuedMessageItem, body: string): Promise<void> {
    const lease = keepHidden(message);
    try {
      await invoke(target, { data: { string: body }, metadata: metadataOf(message, body) });
    } catch (error) {
      tell('error', `Result: Failure\nException: ${error instanceof Error ? error.stack : String(error)}`);
      const popReceipt = await lease.end();
      if (message.dequeueCount >= settings.maxDequeueCount) return bury(message, popReceipt);
      const visibilityTimeout = Math.round(settings.visibilityTimeout / 1000);
      return settle(() => queue.updateMessage(message.messageId, popReceipt, message.messageText, visibilityTimeout));
    }
    const popReceipt = await lease.end();
    await settle(() => queue.deleteMessage(message.messageId, popReceipt));
  }

  /** Renews the message's invisibility at half its time, until told to end. */
  function keepHidden({ messageId, popReceipt }: DequeuedMessageItem): { end(): Promise<string> } {
    let receipt = popReceipt;
    let renewal = Promise.resolve();
    const half = (leaseSeconds * 1000) / 2;
    let timer = setTimeout(renew, half);
    let ended = false;

    function renew(): void {
      renewal = queue.updateMessage(messageId, receipt, undefined, leaseSeconds).then(
        (answer) => {
          receipt = answer.popReceipt ?? receipt;
          if (!ended) timer = setTimeout(renew, half);
        },
        (error: unknown) => {
          // A message that is gone or somebody else's by now is not renewed; a storage in trouble is asked again sooner.
          const lost = statusOf(error) === 404 || statusOf(error) === 400;
          if (!ended && !lost) timer = setTimeout(renew, half / 5);
        },
      );
    }

    return {
      // A renewal under way has the receipt that the message will go by.
      end: async () => {
        ended = true;
        clearTimeout(timer);
        await renewal;
        return receipt;
      },
    };
  }

  /** Copies the body, and only the body, to `<queue>-poison`; the copy has an id and a count of its own. */
  async function bury(
    { messageId, messageText, dequeueCount }: DequeuedMessageItem,
    popReceipt: string,
  ): Promise<void> {
    // Without a poison queue the message stays hidden for the rest of its time and comes again.
    if (!hasPoison) return;
    tell('warning', `Message was delivered ${dequeueCount} times. Moving it to queue ${poisonName}.`);
    const poison = service.getQueueClient(poisonName);
    await poison.createIfNotExists();
    await poison.sendMessage(messageText);
    await settle(() => queue.deleteMessage(messageId, popReceipt));
  }

  /** A message that is gone (404) or that somebody else has by now (400, PopReceiptMismatch) is theirs. */
  async function settle(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (statusOf(error) !== 404 && statusOf(error) !== 400) throw error;
    }
  }

  function tell(level: 'warning' | 'error', message: string): void {
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

/** An error of the storage client as one line; its message alone would be the whole answer. */
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

/** Trigger metadata as the host sends it, with the members of a JSON object laid over it. */
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
