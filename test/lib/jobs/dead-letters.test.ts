import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deadLetterId, orderRefused } from '../../../lib/jobs/dead-letters.ts';
import { queues } from '../../../lib/resource-names.ts';

const id = 'a'.repeat(32);
const at = '2026-11-23T09:00:00.000Z';
const reason = { code: 'order-invalid', message: 'rows: missing', hint: 'Send rows.' } as const;
const letter = { id, queue: queues.orders, body: '{}', reason, at };

describe('the event of an order that was refused', () => {
  it('is about the order, or about the letter where the message has no id', () => {
    const known = orderRefused({ ...letter, orderId: 'PO-7' });
    assert.deepEqual([known.subject, known.time], ['orders/PO-7', at]);
    assert.deepEqual(known.data['links'], { deadLetter: `/api/dead-letters/${id}` });
    assert.equal(orderRefused(letter).subject, `orders/unknown-${id}`);
  });

  it('is the same for the same reason, at another time too, and another one for another reason', () => {
    const first = orderRefused(letter).id;
    assert.equal(orderRefused({ ...letter, at: '2026-11-24T09:00:00.000Z' }).id, first);
    assert.notEqual(orderRefused({ ...letter, reason: { ...reason, message: 'rows: too many' } }).id, first);
    assert.notEqual(orderRefused({ ...letter, reason: { ...reason, code: 'order-conflict' } as never }).id, first);
  });
});

describe('the id of a dead letter', () => {
  it('is the same for the same message on the same queue only', () => {
    assert.match(deadLetterId(queues.orders, '{}'), /^[0-9a-f]{32}$/);
    assert.equal(deadLetterId(queues.orders, '{}'), deadLetterId(queues.orders, '{}'));
    assert.notEqual(deadLetterId(queues.orders, '{}'), deadLetterId(queues.chunks, '{}'));
    assert.notEqual(deadLetterId(queues.orders, '{}'), deadLetterId(queues.orders, '{ }'));
  });
});
