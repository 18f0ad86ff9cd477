import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChunkMessage } from '../../../lib/jobs/messages.ts';
import { createProvisionSmall } from '../../../lib/pipeline/small-jobs.ts';
import { createWorld, type World } from '../../world.ts';

const manifestOf = (rows: number) =>
  ['deviceId', ...Array.from({ length: rows }, (_, index) => `gw-${index + 1}`), ''].join('\n');

/** Chunks have two rows. */
async function someWorld(): Promise<World> {
  const world = createWorld({ chunkRows: 2, provisionsSmall: true });
  await world.declare('line7', { keyCustody: 'plain' });
  return world;
}

describe('a small job', () => {
  it('is completed by the worker that split it', async () => {
    using world = await someWorld();
    const jobId = await world.upload('line7/list.csv', manifestOf(8));
    await world.queue.shift()?.run();
    assert.deepEqual(world.queue, []);
    const { status, counts, dispatchedAt } = await world.job(jobId);
    assert.deepEqual([status, counts.provisioned], ['completed', 8]);
    assert.notEqual(dispatchedAt, undefined, 'a second delivery has nothing to do');
  });

  it('of one chunk more is left to the queue', async () => {
    using world = await someWorld();
    await world.upload('line7/list.csv', manifestOf(9));
    await world.queue.shift()?.run();
    assert.equal(world.queue.length, 5);
    assert.equal(world.devices.records.size, 0);
  });

  it('leaves a chunk that fails to the queue, and completes the others', async () => {
    using world = await someWorld();
    const jobId = await world.upload('line7/list.csv', manifestOf(4));
    const [event] = world.queue.splice(0);
    world.failOn('intent');
    await event?.run();
    assert.equal(world.queue.length, 1);
    assert.equal((await world.job(jobId)).counts.provisioned, 2);
    await world.settle();
    const { status, counts } = await world.job(jobId);
    assert.deepEqual([status, counts.provisioned], ['completed', 4]);
  });
});

it('a worker that has small jobs in work leaves the next one to the queue, and takes another one when they are done', async () => {
  using world = createWorld({ chunkRows: 2 });
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('line7/list.csv', manifestOf(8));
  await world.queue.shift()?.run();
  const messages = world.queue.splice(0).map(({ message }) => message as ChunkMessage);
  const provisionSmall = createProvisionSmall({ atOnce: 3 });
  const first = provisionSmall(messages.slice(0, 2), world.services());
  assert.deepEqual(await provisionSmall(messages.slice(2), world.services()), messages.slice(2));
  assert.deepEqual(await first, []);
  assert.deepEqual(await provisionSmall(messages.slice(2), world.services()), []);
  assert.equal((await world.job(jobId)).status, 'completed');
});
