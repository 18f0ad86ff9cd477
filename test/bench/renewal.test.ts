import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEventQueue } from '../../bench/renewal/event-queue.ts';
import { policy, renewalOf, retryOf, waitAfter } from '../../bench/renewal/iot-edge.ts';
import { clockWindow, type Quota, slidingMinute, unlimited } from '../../bench/renewal/quota.ts';
import { simulateRenewals } from '../../bench/renewal/simulation.ts';
import { createRateLimiter } from '../../infra/emulators/rate-limiter.ts';
import { parseGroupDefinition } from '../../lib/groups/definition.ts';
import fc from '../fast-check.ts';

const minute = 60_000;
const life = { notBefore: 0, notAfter: 1_000_000 * minute };
const random = () => 0.5;
const closed: Quota = { take: () => false };

describe('the model of IoT Edge', () => {
  it('renews at 80 % of the life, and again 4 % of the life after a failure', () => {
    assert.equal(renewalOf({ notBefore: 100, notAfter: 1100 }), 900);
    assert.equal(retryOf({ notBefore: 100, notAfter: 1100 }, 905), 945);
  });

  it('has the thresholds that bundles of our own EST server have', () => {
    const { est } = parseGroupDefinition('line7', { keyCustody: 'device', est: 'fleet' });
    assert.deepEqual([est?.threshold, est?.retry], [`${policy.threshold * 100}%`, `${policy.retry * 100}%`]);
  });

  it('waits 60, 120, 180 and 300 s after a 429, and 10 to 30 s more; then the renewal has failed', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((tries) => waitAfter(tries, 0)),
      [70_000, 130_000, 190_000, 310_000, undefined],
    );
    assert.equal(waitAfter(1, 0.5), 80_000);
  });
});

describe('the quota of DPS', () => {
  it('is that of the DPS emulator', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 20 }), (pauses, limit) => {
        let at = 1_000_000;
        const emulator = createRateLimiter({ limit, windowMs: minute, now: () => new Date(at) });
        const model = slidingMinute(limit);
        for (const pause of pauses) {
          at += pause;
          assert.equal(model.take(at), emulator.acquire() === 0);
        }
      }),
    );
  });
});

describe('the limit of the EST server', () => {
  it('is that of each minute of the clock', () => {
    const limit = clockWindow(2, 1);
    const times = [0, 1, 2, 59_999, 60_000, 60_001, 60_002, 180_000];
    assert.deepEqual(
      times.map((at) => limit.take(at)),
      [true, true, false, false, true, true, false, true],
    );
  });
});

describe('the event queue', () => {
  it('gives events by time, and those of one time as they were added', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (times) => {
        const queue = createEventQueue<number>();
        for (const [order, at] of times.entries()) queue.add(at, order);
        const sorted = [...times.entries()].sort(([a, at], [b, other]) => at - other || a - b);
        for (const [order, at] of sorted) {
          const next = queue.next();
          assert.deepEqual([next?.at, next?.event], [at, order]);
        }
        assert.equal(queue.next(), undefined);
      }),
    );
  });
});

describe('the simulation', () => {
  it('renews a device once', () => {
    const outcome = simulateRenewals({ lives: [life], est: unlimited, dps: slidingMinute(1), random });
    assert.deepEqual(outcome, { renewed: 1, expired: 0, failures: 0, busiestMinute: 1 });
  });

  it('has five renewals of five registrations each before a certificate ends', () => {
    let registrations = 0;
    const dps = {
      take() {
        registrations += 1;
        return false;
      },
    };
    const outcome = simulateRenewals({ lives: [life], est: unlimited, dps, random });
    assert.deepEqual([outcome.expired, outcome.failures, registrations], [1, 5, 25]);
  });

  it('does not register what the EST server refused, and does not ask it again before 4 % of the life', () => {
    const asked: number[] = [];
    const est = {
      take(at: number) {
        asked.push(at);
        return false;
      },
    };
    const dps = {
      take(): boolean {
        assert.fail('was asked');
      },
    };
    const outcome = simulateRenewals({ lives: [life], est, dps, random });
    assert.deepEqual([outcome.expired, outcome.busiestMinute], [1, 0]);
    const share = asked.map((at) => at / life.notAfter);
    assert.deepEqual(
      share.map((each) => Number(each.toFixed(4))),
      [0.8, 0.84, 0.88, 0.92, 0.96],
    );
  });

  it('lets through what the quota allows in each try, and the others expire', () => {
    // Two a minute, five tries in different minutes, five renewals: 50 of 60.
    const lives = Array.from({ length: 60 }, () => life);
    const outcome = simulateRenewals({ lives, est: unlimited, dps: slidingMinute(2), random });
    assert.deepEqual([outcome.renewed, outcome.expired, outcome.busiestMinute], [50, 10, 60]);
  });

  it('loses no device', () => {
    const ends = fc.array(fc.integer({ min: 1000 * minute, max: 1100 * minute }), { maxLength: 100 });
    fc.assert(
      fc.property(ends, fc.integer({ min: 1, max: 3 }), (notAfters, limit) => {
        const lives = notAfters.map((notAfter) => ({ notBefore: 0, notAfter }));
        const quotas = { est: clockWindow(limit, 1), dps: slidingMinute(limit) };
        const { renewed, expired } = simulateRenewals({ lives, ...quotas, random });
        assert.equal(renewed + expired, lives.length);
      }),
    );
  });

  it('expires every device of a DPS that takes nothing', () => {
    const lives = Array.from({ length: 20 }, () => life);
    assert.equal(simulateRenewals({ lives, est: unlimited, dps: closed, random }).expired, 20);
  });
});
