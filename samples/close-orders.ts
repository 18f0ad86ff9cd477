import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { QueueServiceClient } from '@azure/storage-queue';
import { findStack } from '../infra/local/stack/running-stack.ts';

/*
 * How an ERP closes its orders: it reads the queue fleet-events, and confirms each end of an order. Put the call of your ERP into
 * `confirm`. In Azure, make the client with `new QueueServiceClient(url, new DefaultAzureCredential())`.
 *
 * npx node samples/close-orders.ts [--confirmations N]     N: end after so many (default: run until Ctrl-C)
 */

/** The data of `fleet.order.finished`, as far as it is needed. docs/integrations.md has all of it. */
interface FinishedOrder {
  readonly orderId: string;
  readonly revision: number;
  readonly quantities: Readonly<Record<'ordered' | 'good' | 'rejected' | 'retryable', number>>;
  readonly reasons: readonly { readonly code: string; readonly rows: number }[];
}

/** Seconds in which an event is handled. Otherwise it is delivered again. */
const visibilityTimeout = 60;

const { values } = parseArgs({ options: { confirmations: { type: 'string', default: 'Infinity' } } });
const { storageConnectionString } = await findStack();
const queue = QueueServiceClient.fromConnectionString(storageConnectionString).getQueueClient('fleet-events');

/** The highest revision per order. An ERP keeps it with the order: events arrive more than once, and in any order. */
const confirmed = new Map<string, number>();

for (let left = Number(values.confirmations); left > 0; ) {
  const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout });
  for (const { messageText, messageId, popReceipt } of receivedMessageItems) {
    const message = JSON.parse(messageText);
    // Events of single devices come as a list.
    for (const { type, data } of Array.isArray(message) ? message : [message]) {
      if (type === 'fleet.order.refused') console.log(`${data.orderId} is refused: ${data.reason.message}`);
      if (type !== 'fleet.order.finished' || data.revision <= (confirmed.get(data.orderId) ?? 0)) continue;
      confirm(data);
      confirmed.set(data.orderId, data.revision);
      left -= 1;
    }
    // An event is deleted after it was handled. A crash before that delivers it again.
    await queue.deleteMessage(messageId, popReceipt);
  }
  if (receivedMessageItems.length === 0) await sleep(500);
}

function confirm({ orderId, revision, quantities, reasons }: FinishedOrder): void {
  const { ordered, good, rejected, retryable } = quantities;
  const why = reasons.map(({ code, rows }) => `${rows} ${code}`).join(', ');
  console.log(
    `${orderId}, revision ${revision}: ${good} of ${ordered} good, ${rejected} rejected${why && ` (${why})`}`,
  );
  console.log(retryable === 0 ? '  final: close the order' : `  open: a retry can still turn ${retryable} good`);
}
