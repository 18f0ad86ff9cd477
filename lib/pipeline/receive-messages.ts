import { parseBlobCreated } from '../manifest/upload-event.ts';
import { sourceOf } from '../orders/cloud-event.ts';
import { ordersIn, parseOrder } from '../orders/order.ts';
import { queues } from '../resource-names.ts';
import { type IngestPorts, ingestManifest } from './ingest-manifest.ts';
import { ingestOrder } from './ingest-order.ts';
import type { Ports } from './ports.ts';
import { takeApart } from './take-apart.ts';

/**
 * A message of the queue `orders`: one order, or a batch of them. Each order of a batch becomes a separate message.
 * @param body JSON, as decoded from the message
 * @throws FleetError `order-invalid`, `group-unknown`, `throttled`, `unavailable`
 */
export async function receiveOrders(
  body: unknown,
  ports: Pick<Ports, 'jobs' | 'manifests' | 'groups' | 'queue' | 'now' | 'newId'>,
): Promise<void> {
  const orders = ordersIn(body);
  if (orders.length === 1) {
    await ingestOrder(parseOrder(orders[0]), ports, sourceOf(orders[0]));
    return;
  }
  await takeApart(orders, { check: parseOrder, queue: ports.queue(queues.orders), code: 'order-invalid' });
}

/**
 * A message of the queue `manifest-uploads`: one event, as Event Grid sends it, or a list of events. Each
 * event of a list becomes a separate message.
 * @param body JSON, as decoded from the message
 * @throws FleetError `event-invalid`, `throttled`, `unavailable`
 */
export async function receiveUploads(body: unknown, ports: IngestPorts & Pick<Ports, 'queue'>): Promise<void> {
  if (!Array.isArray(body) || body.length <= 1) {
    await ingestManifest(parseBlobCreated(body), ports);
    return;
  }
  await takeApart(body, { check: parseBlobCreated, queue: ports.queue(queues.uploads), code: 'event-invalid' });
}
