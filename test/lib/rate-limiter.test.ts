import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRateLimiter } from '../../lib/rate-limiter.ts';

function clock() {
  let time = 0;
  return {
    now: () => new Date(time),
    sleep: async (milliseconds: number) => {
      time += milliseconds;
    },
    pass: (milliseconds: number) => {
      time += milliseconds;
    },
    time: () => time,
  };
}

describe('a rate limiter', () => {
  it('never lets more operations through in any minute than the quota', async () => {
    const { now, sleep, time } = clock();
    const limiter = createRateLimiter({ perMinute: 600, now, sleep });
    const starts: number[] = [];
    for (let call = 0; call < 120; call++) {
      await limiter.acquire(10);
      starts.push(time());
    }
    for (const start of starts) {
      const operations = 10 * starts.filter((other) => other >= start && other < start + 60_000).length;
      assert.ok(operations <= 600, `${operations} operations within a minute of ${start}`);
    }
  });

  it('does not wait after an idle time, and allows no burst after it', async () => {
    const { now, sleep, pass, time } = clock();
    const limiter = createRateLimiter({ perMinute: 60, now, sleep });
    await limiter.acquire(1);
    pass(30_000);
    const before = time();
    await limiter.acquire(1);
    assert.equal(time(), before);
    await limiter.acquire(1);
    assert.equal(time(), before + 1000);
  });
});
