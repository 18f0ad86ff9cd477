import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Lock, runExclusively } from '../../lib/lock.ts';
import { createMemoryLocks } from '../memory/locks.ts';

/** The lock of another process, which never releases it. */
const heldElsewhere: Lock = { tryRun: async () => false };

const unusedQueue = { waiting: () => assert.fail(), send: () => assert.fail() };

/** @returns the delay in seconds with which a message goes back while another process holds the lock */
async function delayOf({ waiting, random }: { waiting: number; random: number }): Promise<number | undefined> {
  const sent: { messages: unknown[]; delaySeconds?: number }[] = [];
  await runExclusively({ chunk: 3 }, () => assert.fail('another process holds the lock'), {
    lock: heldElsewhere,
    queue: {
      waiting: async () => waiting,
      send: async (messages, { delaySeconds } = {}) => void sent.push({ messages: [...messages], delaySeconds }),
    },
    secondsPerMessage: 15,
    random: () => random,
  });
  assert.deepEqual(sent[0]?.messages, [{ chunk: 3 }]);
  return sent[0]?.delaySeconds;
}

describe('runExclusively', () => {
  const options = { queue: unusedQueue, secondsPerMessage: 1, random: Math.random };

  it('runs the work when the lock is free, and sends nothing', async () => {
    let runs = 0;
    const work = async () => {
      runs += 1;
    };
    await runExclusively({}, work, { ...options, lock: createMemoryLocks()('enrollments') });
    assert.equal(runs, 1);
  });

  it('passes on an error of the work, so that the host delivers the message again', async () => {
    const work = () => Promise.reject(new Error('throttled'));
    const lock = createMemoryLocks()('enrollments');
    await assert.rejects(runExclusively({}, work, { ...options, lock }), /throttled/);
  });

  it('sends the message back with a random part of the time that all waiting messages take', async () => {
    assert.equal(await delayOf({ waiting: 20, random: 0.5 }), 150);
  });

  it('delays it by at least 5 seconds and at most 10 minutes', async () => {
    assert.equal(await delayOf({ waiting: 0, random: 0.9 }), 5);
    assert.equal(await delayOf({ waiting: 4_000, random: 0.9 }), 600);
  });
});
