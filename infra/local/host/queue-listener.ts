import { setTimeout as sleep } from 'node:timers/promises';
import { type DequeuedMessageItem, type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import type { RegisteredFunction, TypedData } from './functions-core.ts';
import type { QueueSettings } from './host-json.ts';
import type { HostLog, Invoke } from './invocation.ts';

/*
 * One queue trigger, as the storage extension's QueueListener and QueueProcessor run it: receive a batch, run every
 * message of it at once, receive the next when enough have ended; keep a message hidden while it is worked on; delete it
 * on success, release or bury it on failure.
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

/** Back-off between empty receives, as RandomizedExponentialBackoffStrategy: 100 ms, then about 100 ms * 2^n. */
const minimumPoll = 100;

export function listenToQueue(options: QueueListenerOptions): QueueListener {
  const { target, queueName, connectionString, settings, leaseSeconds, invoke, log } = options;
  const service = QueueServiceClient.fromConnectionString(connectionString);
  const queue = service.getQueueClient(queueName);
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
      const status = (error as { statusCode?: number }).statusCode;
      // A queue that is not there is polled for; anything else is told.
      if (status !== 404) tell('warning', `Queue ${queueName} could not be read: ${(error as Error).message}`);
      return [];
    }
  }

  async function processMessage(message: DequeuedMessageItem): Promise<void> {
    const body = settings.messageEncoding === 'base64' ? fromBase64(message.messageText) : message.messageText;
    if (body === undefined) {
      tell('error', `Message ${message.messageId} is no base64; it goes to the poison queue as it is.`);
      return bury(message, message.popReceipt);
    }
    if (message.dequeueCount > settings.maxDequeueCount) return bury(message, message.popReceipt);
    const lease = keepHidden(message);
    try {
      await invoke(target, { data: { string: body }, metadata: metadataOf(message, body) });
      await settle(() => queue.deleteMessage(message.messageId, lease.end()));
    } catch (error) {
      const popReceipt = lease.end();
      tell('error', `Result: Failure\nException: ${(error as Error)?.stack ?? String(error)}`);
      if (message.dequeueCount >= settings.maxDequeueCount) return bury(message, popReceipt);
      const visibilityTimeout = Math.round(settings.visibilityTimeout / 1000);
      await settle(() => queue.updateMessage(message.messageId, popReceipt, message.messageText, visibilityTimeout));
    }
  }

  /** Renews the message's invisibility at half its time, until told to end. */
  function keepHidden({ messageId, popReceipt }: DequeuedMessageItem): { end(): string } {
    let receipt = popReceipt;
    const timer = setInterval(
      () => {
        void queue.updateMessage(messageId, receipt, undefined, leaseSeconds).then(
          (answer) => {
            receipt = answer.popReceipt ?? receipt;
          },
          () => clearInterval(timer),
        );
      },
      (leaseSeconds * 1000) / 2,
    );
    return {
      end: () => {
        clearInterval(timer);
        return receipt;
      },
    };
  }

  /** Copies the body, and only the body, to `<queue>-poison`. */
  async function bury({ messageId, messageText, dequeueCount }: DequeuedMessageItem, popReceipt: string): Promise<void> {
    if (queueName.endsWith('-poison')) {
      // There is no poison queue of a poison queue: the message stays hidden for the rest of its time and comes again.
      return;
    }
    const poison: QueueClient = service.getQueueClient(`${queueName}-poison`);
    tell('warning', `Message has reached MaxDequeueCount of ${dequeueCount}. Moving message to queue '${poison.name}'.`);
    await poison.createIfNotExists();
    await poison.sendMessage(messageText);
    await settle(() => queue.deleteMessage(messageId, popReceipt));
  }

  /** A message that somebody else has by now is theirs; everything else is told. */
  async function settle(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const { statusCode, message } = error as { statusCode?: number; message: string };
      if (statusCode !== 404 && statusCode !== 400) tell('warning', `A message of ${queueName} could not be settled: ${message}`);
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

function backOff(empty: number, longest: number): number {
  if (empty === 1) return minimumPoll;
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
  try {
    const payload: unknown = JSON.parse(body);
    if (payload === null || typeof payload !== 'object' || Array.isArray(payload)) return {};
    const members = Object.entries(payload).filter(([, value]) => value !== null && !Array.isArray(value));
    return Object.fromEntries(
      members.map(([name, value]) => [name, typeof value === 'object' ? { json: JSON.stringify(value) } : { string: dotNetText(value) }]),
    );
  } catch {
    return {};
  }
}

function dotNetText(value: unknown): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
}
