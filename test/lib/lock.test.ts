import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type LockOptions, runExclusively } from '../../lib/lock.ts';

/** Somebody else has the turn, `waiting` messages are there, and the draw is `random`. @returns how long it is put back */
async function delayOf({ waiting, random }: { waiting: number; random: number }): Promise<number | undefined> {
  const sent: { messages: unknown[]; delaySeconds?: number }[] = [];
  const options: LockOptions<{ chunk: number }> = {
    lock: { take: async () => false },
    queue: {
      waiting: async () => waiting,
      send: async (messages, { delaySeconds } = {}) => void sent.push({ messages: [...messages], delaySeconds }),
    },
    secondsEach: 15,
    random: () => random,
  };
  await runExclusively({ chunk: 3 }, () => assert.fail('it is not our turn'), options);
  assert.deepEqual(sent[0]?.messages, [{ chunk: 3 }]);
  return sent[0]?.delaySeconds;
}

describe('runExclusively', () => {
  it('works on the message when it is our turn, and puts nothing back', async () => {
    let worked = 0;
    const work = async () => {
      worked += 1;
    };
    const lock = { take: (given: () => Promise<void>) => given().then(() => true) };
    const queue = { waiting: () => assert.fail(), send: () => assert.fail() };
    await runExclusively({}, work, { lock, queue, secondsEach: 1, random: Math.random });
    assert.equal(worked, 1);
  });

  it('passes on what the work throws, so that the host delivers the message again', async () => {
    const lock = { take: (given: () => Promise<void>) => given().then(() => true) };
    const queue = { waiting: () => assert.fail(), send: () => assert.fail() };
    const work = () => Promise.reject(new Error('throttled'));
    await assert.rejects(runExclusively({}, work, { lock, queue, secondsEach: 1, random: Math.random }), /throttled/);
  });

  it('else puts it back for a part of the time that all who wait will take', async () => {
    assert.equal(await delayOf({ waiting: 20, random: 0.5 }), 150);
  });

  it('never for less than 5 seconds, nor for more than 10 minutes', async () => {
    assert.equal(await delayOf({ waiting: 0, random: 0.9 }), 5);
    assert.equal(await delayOf({ waiting: 4_000, random: 0.9 }), 600);
  });
});
