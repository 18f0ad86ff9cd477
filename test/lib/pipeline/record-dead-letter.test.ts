import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deadLetterId } from '../../../lib/jobs/dead-letters.ts';
import { cancelJob } from '../../../lib/pipeline/cancel-job.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { redriveDeadLetters } from '../../../lib/pipeline/redrive-dead-letters.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { queueNames } from '../../../lib/resource-names.ts';
import { createMemoryDeadLetterStore } from '../../memory/dead-letter-store.ts';
import { createWorld, type World } from '../../world.ts';

const manifest = ['deviceId', 'gw-1', 'gw-2', 'GW-3', 'gw-4', 'gw-5', 'gw-6', ''].join('\n');
const reason = { code: 'unavailable', message: 'Cosmos DB did not answer as it should.', hint: 'wait' } as const;

/** A job of two chunks, of which the second failed at each delivery. */
async function halfDeadJob(world: World) {
  const deadLetters = createMemoryDeadLetterStore();
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('line7/list.csv', manifest);
  await world.queue.shift()?.run();
  await world.queue.shift()?.run();
  assert.equal(world.queue.length, 1);
  const [dead] = world.queue.splice(0);
  const body = JSON.stringify(dead?.message);
  await deadLetters.noteReason(deadLetterId('chunks', body), 'chunks', reason);
  const services = { ...world.services(), deadLetters };
  await recordDeadLetter('chunks', body, services);
  return { jobId, deadLetters, body, services };
}

describe('a chunk that failed at each delivery', () => {
  it('ends its job, with its rows failed for the reason that was kept', async () => {
    using world = createWorld({ chunkRows: 5 });
    const { jobId, deadLetters } = await halfDeadJob(world);
    const job = await world.job(jobId);
    assert.equal(job.status, 'completedWithErrors');
    assert.deepEqual(job.counts, { total: 6, provisioned: 4, unchanged: 0, rejected: 1, failed: 1, cancelled: 0 });
    const { items } = await deadLetters.list({ size: 10 });
    assert.deepEqual(
      items.map(({ queue, reason: kept }) => [queue, kept.message]),
      [['chunks', reason.message]],
    );
  });

  it('is counted once, however often its letter comes', async () => {
    using world = createWorld({ chunkRows: 5 });
    const { jobId, body, services } = await halfDeadJob(world);
    await recordDeadLetter('chunks', body, services);
    assert.equal((await world.job(jobId)).counts.failed, 1);
  });

  it('comes back with a retry, as the same job', async () => {
    using world = createWorld({ chunkRows: 5 });
    const { jobId } = await halfDeadJob(world);
    assert.equal(await retryJob(await world.job(jobId), world.services()), 1);
    await world.settle();
    const job = await world.job(jobId);
    assert.deepEqual(job.counts, { total: 6, provisioned: 5, unchanged: 0, rejected: 1, failed: 0, cancelled: 0 });
    assert.equal(world.devices.records.get('gw-6')?.claim.attempt, 2);
    await assert.rejects(retryJob(job, world.services()), { code: 'method-conflict' });
  });

  it('counts as failed until its retry has an outcome, and retries sent twice are one', async () => {
    using world = createWorld({ chunkRows: 5 });
    const { jobId } = await halfDeadJob(world);
    await retryJob(await world.job(jobId), world.services());
    await retryJob(await world.job(jobId), world.services());
    assert.equal((await world.job(jobId)).counts.failed, 1);
    await world.settle();
    assert.deepEqual((await world.job(jobId)).counts, {
      total: 6,
      provisioned: 5,
      unchanged: 0,
      rejected: 1,
      failed: 0,
      cancelled: 0,
    });
  });

  it('comes back when its letter is redriven, and the letter is gone', async () => {
    using world = createWorld({ chunkRows: 5 });
    const { jobId, services, deadLetters } = await halfDeadJob(world);
    const queue = () => assert.fail('a chunk goes by way of its job');
    assert.equal(await redriveDeadLetters({}, { ...services, queue }), 1);
    await world.settle();
    assert.equal((await world.job(jobId)).counts.provisioned, 5);
    assert.deepEqual((await deadLetters.list({ size: 10 })).items, []);
  });

  it('keeps what an earlier delivery had recorded', async () => {
    using world = createWorld({ chunkRows: 10 });
    const deadLetters = createMemoryDeadLetterStore();
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    await world.queue.shift()?.run();
    const [chunk] = world.queue.splice(0);
    // Cut where the devices are recorded and the chunk is not counted yet.
    world.failOn('count');
    await assert.rejects(async () => chunk?.run());
    await recordDeadLetter('chunks', JSON.stringify(chunk?.message), { ...world.services(), deadLetters });
    assert.deepEqual((await world.job(jobId)).counts, {
      total: 6,
      provisioned: 5,
      unchanged: 0,
      rejected: 1,
      failed: 0,
      cancelled: 0,
    });
  });
});

describe('a message that is none of ours', () => {
  it('is recorded with the reason that was kept, whatever it holds', async () => {
    using world = createWorld();
    const deadLetters = createMemoryDeadLetterStore();
    const bodies = ['', 'not json', '{"jobId":7}', '[]', 'null', '"text"', '{"__proto__":{"a":1}}'];
    for (const queue of queueNames) {
      for (const body of bodies) {
        await deadLetters.noteReason(deadLetterId(queue, body), queue, reason);
        await recordDeadLetter(queue, body, { ...world.services(), deadLetters });
      }
    }
    const { items } = await deadLetters.list({ size: 100 });
    assert.equal(items.length, 4 * bodies.length);
    assert.ok(items.every((letter) => letter.reason.code === 'unavailable'));
  });
});

describe('cancelling a job', () => {
  it('drops the chunks that were not begun and ends the job when no row waits', async () => {
    using world = createWorld({ chunkRows: 2 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    await world.queue.shift()?.run();
    await world.queue.shift()?.run();
    const cancelled = await cancelJob(jobId, world.services());
    assert.equal(cancelled.status, 'cancelled');
    await world.settle();
    const job = await world.job(jobId);
    assert.equal(job.status, 'cancelled');
    assert.ok(job.finishedAt);
    assert.deepEqual(job.counts, { total: 6, provisioned: 2, unchanged: 0, rejected: 0, failed: 0, cancelled: 4 });
    assert.deepEqual([...world.devices.records.keys()], ['gw-1', 'gw-2']);
    assert.deepEqual(await cancelJob(jobId, world.services()), job);
  });

  it('finishes a chunk whose worker died in it, so that no claim stays behind', async () => {
    using world = createWorld({ chunkRows: 2 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    await world.queue.shift()?.run();
    // Devices are claimed by then, and what follows is written after a signature.
    world.failOn('replace');
    await assert.rejects(async () => world.queue[0]?.run());
    assert.equal(world.devices.records.get('gw-1')?.status, 'claimed');
    await cancelJob(jobId, world.services());
    await world.settle();
    const { counts } = await world.job(jobId);
    assert.deepEqual([counts.provisioned, counts.cancelled], [2, 4]);
    assert.ok([...world.devices.records.values()].every(({ status }) => status !== 'claimed'));
  });

  it('is refused once the job has ended', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    await world.settle();
    await assert.rejects(cancelJob(jobId, world.services()), { code: 'method-conflict' });
  });

  it('before the manifest was split leaves nothing to do', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    world.failOn('open');
    await assert.rejects(async () => world.queue[0]?.run());
    await cancelJob(jobId, world.services());
    await world.settle();
    assert.equal((await world.job(jobId)).status, 'cancelled');
    assert.equal(world.devices.records.size, 0);
  });
});
