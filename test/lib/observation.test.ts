import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../lib/errors.ts';
import { createObservation } from '../../lib/observation.ts';
import { someTime } from '../factories.ts';

/** A counter that is read, with a clock that the test moves. */
function observed({ requestUnits = 0 } = {}) {
  let seconds = 0;
  let reads = 0;
  let failure: Error | undefined;
  const now = () => new Date(someTime.getTime() + 1000 * seconds);
  const read = createObservation(
    async () => {
      if (failure !== undefined) throw failure;
      reads += 1;
      return { value: reads, requestUnits };
    },
    { name: 'things', minSeconds: 5, maxSeconds: 900, unitsPerSecond: 5, now },
  );
  return {
    now,
    read,
    at: (time: number) => {
      seconds = time;
      return read();
    },
    fail: (error: Error | undefined) => {
      failure = error;
    },
  };
}

describe('an observation', () => {
  it('is used again for five seconds, with the time at which it was read', async () => {
    const { at } = observed();
    const first = await at(0);
    assert.deepEqual(first, { value: 1, observedAt: someTime.toISOString() });
    assert.deepEqual(await at(4.9), first);
    assert.deepEqual(await at(5), { value: 2, observedAt: '2026-11-23T08:00:05.000Z' });
  });

  it('is used for as long as its cost takes, and 15 minutes at most', async () => {
    const dear = observed({ requestUnits: 500 });
    await dear.at(0);
    assert.equal((await dear.at(99)).value, 1);
    assert.equal((await dear.at(100)).value, 2);
    const dearer = observed({ requestUnits: 1_000_000 });
    await dearer.at(0);
    assert.equal((await dearer.at(899)).value, 1);
    assert.equal((await dearer.at(900)).value, 2);
  });

  it('is read once for callers that ask at the same time', async () => {
    const { read } = observed();
    const answers = await Promise.all([read(), read(), read()]);
    assert.deepEqual(
      answers.map(({ value }) => value),
      [1, 1, 1],
    );
  });

  it('stays with its time when the next reading fails, and is tried again five seconds later', async () => {
    const { at, fail } = observed();
    const first = await at(0);
    fail(new FleetError('throttled', 'Cosmos DB is throttling this app.'));
    assert.deepEqual(await at(6), first);
    fail(undefined);
    assert.deepEqual(await at(10), first);
    assert.equal((await at(11)).value, 2);
  });

  it('is an error when there is no earlier one', async () => {
    const { at, fail } = observed();
    fail(new FleetError('throttled', 'Cosmos DB is throttling this app.'));
    await assert.rejects(at(0), { code: 'throttled' });
    fail(undefined);
    assert.equal((await at(0)).value, 1);
  });
});
