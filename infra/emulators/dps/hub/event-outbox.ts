import { setTimeout as sleep } from 'node:timers/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import type { Settings } from '../options.ts';
import type { Collection, Store } from '../store.ts';
import { type DeviceEvent, showEvent } from './device-event.ts';

/** Sends events to a storage queue, as Event Grid does: in base64, at least once, in no fixed order. */
export interface EventOutbox {
  /** Call it in the transaction of the change that the event tells about. */
  add(event: DeviceEvent): void;
  /** Sends the events of an earlier process, and the new ones. */
  start(): void;
  /** Stops after the event in progress. The next process sends the rest. */
  close(): Promise<void>;
}

/** https://learn.microsoft.com/azure/event-grid/delivery-and-retry: an event is dropped after 24 hours. */
const keptMs = 24 * 3_600_000;
const retryMs = 1000;
const batchSize = 32;

/** @returns an outbox that drops everything if no queue is configured */
export function createEventOutbox(
  store: Store,
  { deviceEvents, now }: Pick<Settings, 'deviceEvents' | 'now'>,
): EventOutbox {
  if (!deviceEvents) return { add: () => {}, start: () => {}, close: async () => {} };
  const { connectionString, queue: queueName, schema = 'eventGrid' } = deviceEvents;
  // The next attempt of the loop is the retry.
  const service = QueueServiceClient.fromConnectionString(connectionString, { retryOptions: { maxTries: 1 } });
  const queue = service.getQueueClient(queueName);
  const events: Collection<DeviceEvent> = store.collection('hub-event');
  const stopping = new AbortController();
  let wake = Promise.withResolvers<void>();
  let stopped: Promise<void> | undefined;

  async function send(event: DeviceEvent): Promise<void> {
    if (new Date(event.time).getTime() > now().getTime() - keptMs) {
      const text = JSON.stringify(showEvent(event, schema));
      await queue.sendMessage(Buffer.from(text).toString('base64'), { abortSignal: stopping.signal });
    }
    // A crash before this line sends the event again.
    events.delete(event.id);
  }

  async function run(): Promise<void> {
    let lastError = '';
    while (!stopping.signal.aborted) {
      wake = Promise.withResolvers();
      const waiting = events.page({ limit: batchSize }).values;
      try {
        for (const event of waiting) {
          if (stopping.signal.aborted) return;
          await send(event);
        }
        lastError = '';
        if (waiting.length === 0) await wake.promise;
      } catch (error) {
        if (stopping.signal.aborted) return;
        const text = (error as Error).message.split('\n')[0] ?? '';
        // An error that lasts is shown once.
        if (text !== lastError) process.emitWarning(`could not send device events: ${text}`);
        lastError = text;
        await sleep(retryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  }

  return {
    add(event) {
      events.put(event.id, event);
      wake.resolve();
    },
    start() {
      stopped ??= run();
    },
    async close() {
      stopping.abort();
      wake.resolve();
      await stopped;
    },
  };
}
