import { type ErrorCode, FleetError, type Issue } from '../errors.ts';
import { isObject } from '../json.ts';
import type { MessageQueue } from '../storage.ts';

/** Characters of the message of one bad item: a batch can have hundreds. */
const maxMessage = 500;

/**
 * Sends each item of a batch to its queue as a separate message, so that each has its own deliveries and its own dead letter.
 * A second delivery of the batch sends them all again, which each of them is made for. Items that cannot be worked on stay
 * with the batch: its dead letter names them.
 * @param options.check throws a FleetError for an item that cannot be worked on
 * @param options.code of the error for the batch
 * @throws FleetError `code` after the good items were sent, when there are others; `throttled`, `unavailable`
 */
export async function takeApart(
  items: readonly unknown[],
  { check, queue, code }: { check: (item: unknown) => unknown; queue: MessageQueue<unknown>; code: ErrorCode },
): Promise<void> {
  const good: unknown[] = [];
  const issues: Issue[] = [];
  for (const [index, item] of items.entries()) {
    try {
      check(item);
      good.push(item);
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      issues.push({ path: nameOf(item, index), message: error.message.slice(0, maxMessage) });
    }
  }
  await queue.send(good);
  if (issues.length === 0) return;
  throw FleetError.of(code, `The batch of ${items.length}, of which ${good.length} are in work,`, issues);
}

/** Place in the batch from 1, and the id that the sender knows the item by. */
function nameOf(item: unknown, index: number): string {
  const { orderId, data, id } = Object(item) as Record<string, unknown>;
  const found = orderId ?? (isObject(data) ? data['orderId'] : undefined) ?? id;
  const name = typeof found === 'string' || typeof found === 'number' ? ` (${String(found).slice(0, 80)})` : '';
  return `item ${index + 1}${name}`;
}
