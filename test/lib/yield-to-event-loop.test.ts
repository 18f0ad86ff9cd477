import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createYield } from '../../lib/yield-to-event-loop.ts';

const workFor = (milliseconds: number) => {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
};

describe('yielding to the event loop', () => {
  it('lets waiting callbacks run between pieces of work that never wait', async () => {
    const yieldToEventLoop = createYield();
    let answered = 0;
    setImmediate(() => {
      answered += 1;
    });
    for (let piece = 0; piece < 3; piece++) {
      await yieldToEventLoop();
      workFor(11);
    }
    assert.ok(answered > 0);
  });

  it('does not wait while the budget lasts', () => {
    assert.equal(createYield()(), undefined);
  });

  it('gives all callers the same pause once the budget is used up', async () => {
    const yieldToEventLoop = createYield();
    workFor(11);
    const first = yieldToEventLoop();
    assert.ok(first !== undefined);
    assert.equal(yieldToEventLoop(), first);
    await first;
  });
});
