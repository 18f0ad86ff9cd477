import type { EventData, EventType, OwedEvent } from '../outbox.ts';

/**
 * An event as it leaves the app: CloudEvents 1.0, JSON format
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). `source` and `id` together name it.
 */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: EventType;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: EventData;
}

/** The source of events of an app that does not know its own address. */
const unknownSource = '/fleet';

/** Bytes. A message of a storage queue has 64 KiB at most: https://learn.microsoft.com/azure/storage/queues/scalability-targets */
const maxEventBytes = 48 * 1024;

/**
 * @param apiUrl the address of the app, such as `https://func-fleet.azurewebsites.net`: the source of its events, and the
 * beginning of their links. Undefined: links are paths.
 */
export function cloudEvent({ id, type, subject, time, data }: OwedEvent, apiUrl: string | undefined): CloudEvent {
  const attributes = {
    id,
    source: apiUrl ?? unknownSource,
    type,
    subject,
    time,
    datacontenttype: 'application/json',
  } as const;
  const event: CloudEvent = { specversion: '1.0', ...attributes, data: withLinks(data, apiUrl) };
  if (bytesOf(event) <= maxEventBytes) return event;
  // It must not stop the events behind it. Its data can be read at its links.
  return { ...event, data: { truncated: true, links: event.data['links'] } };
}

function withLinks(data: EventData, apiUrl: string | undefined): EventData {
  const { links, ...rest } = data;
  if (links === undefined) return data;
  const absolute = Object.entries(links as Readonly<Record<string, string>>).map(([name, path]) => {
    return [name, apiUrl === undefined ? path : `${apiUrl}${path}`];
  });
  return { ...rest, links: Object.fromEntries(absolute) };
}

function bytesOf(event: CloudEvent): number {
  return Buffer.byteLength(JSON.stringify(event));
}

/** Types of which there is one event per device, so that they come in thousands. */
const perDevice: readonly EventType[] = ['fleet.device.assigned'];

/** Events in one message. A consumer handles them within the 30 s for which it hides the message. */
const maxBatchEvents = 100;

/**
 * Events as messages: alone, or those of single devices in batches
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#4-json-batch-format), so that a storage
 * operation carries many of them.
 */
export function inMessages(events: readonly CloudEvent[]): (readonly CloudEvent[])[] {
  const messages: CloudEvent[][] = [];
  let batch: CloudEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    if (!perDevice.includes(event.type)) {
      messages.push([event]);
      continue;
    }
    const size = bytesOf(event) + 1;
    if (batch.length === 0 || batch.length === maxBatchEvents || bytes + size > maxEventBytes) {
      batch = [];
      bytes = 0;
      messages.push(batch);
    }
    batch.push(event);
    bytes += size;
  }
  return messages;
}
