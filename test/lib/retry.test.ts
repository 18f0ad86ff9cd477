import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../lib/errors.ts';
import { retrying } from '../../lib/retry.ts';

function recorder() {
  const waits: number[] = [];
  return { waits, sleep: async (milliseconds: number) => void waits.push(milliseconds) };
}

function failing(times: number, error: () => Error) {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls <= times) throw error();
    return calls;
  };
}

describe('retrying', () => {
  it('waits exactly as long as the service asked', async () => {
    const { waits, sleep } = recorder();
    const work = failing(2, () => new FleetError('throttled', 'wait', { retryAfter: 17 }));
    assert.equal(await retrying(work, { maxWaitSeconds: 60, sleep }), 3);
    assert.deepEqual(waits, [17_000, 17_000]);
  });

  it('waits 1, 2, 4 ... up to 30 seconds when the service named no wait', async () => {
    const { waits, sleep } = recorder();
    const work = failing(7, () => new FleetError('unavailable', 'no answer'));
    await retrying(work, { maxWaitSeconds: 600, sleep });
    assert.deepEqual(
      waits,
      [1, 2, 4, 8, 16, 30, 30].map((seconds) => seconds * 1000),
    );
  });

  it('counts the time of the attempts, given a clock', async () => {
    const { waits, sleep } = recorder();
    let time = 0;
    const work = async () => {
      // A service that does not answer before the timeout of the call.
      time += 30_000;
      throw new FleetError('unavailable', 'no answer');
    };
    await assert.rejects(retrying(work, { maxWaitSeconds: 20, sleep, now: () => new Date(time) }), /no answer/);
    assert.deepEqual([waits, time], [[], 30_000]);
  });

  it('throws the last error instead of waiting for longer than the bound', async () => {
    const { waits, sleep } = recorder();
    const work = failing(9, () => new FleetError('throttled', 'wait', { retryAfter: 25 }));
    await assert.rejects(retrying(work, { maxWaitSeconds: 60, sleep }), { code: 'throttled' });
    assert.deepEqual(waits, [25_000, 25_000]);
  });

  it('does not repeat work whose error is not transient', async () => {
    const { waits, sleep } = recorder();
    await assert.rejects(
      retrying(
        failing(1, () => new FleetError('group-refused', 'no')),
        { maxWaitSeconds: 60, sleep },
      ),
      {
        code: 'group-refused',
      },
    );
    await assert.rejects(
      retrying(
        failing(1, () => new TypeError('a bug')),
        { maxWaitSeconds: 60, sleep },
      ),
      TypeError,
    );
    assert.deepEqual(waits, []);
  });
});
