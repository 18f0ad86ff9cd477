import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { yieldToEventLoop } from '../../lib/yield-to-event-loop.ts';

const workFor = (milliseconds: number) => {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
};

describe('a turn', () => {
  it('lets what waits have a go between pieces of work that never wait themselves', async () => {
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

  it('is shared: who comes while others have their go waits for the same one', async () => {
    workFor(11);
    const first = yieldToEventLoop();
    assert.ok(first !== undefined);
    assert.equal(yieldToEventLoop(), first);
    await first;
  });
});
