import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deadLetterId } from '../../../lib/jobs/dead-letters.ts';
import { currentStatus, endedAt, isRetrying } from '../../../lib/jobs/job.ts';
import type { ChunkMessage } from '../../../lib/jobs/messages.ts';
import { cancelJob } from '../../../lib/pipeline/cancel-job.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { redriveDeadLetters } from '../../../lib/pipeline/redrive-dead-letters.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { queueNames } from '../../../lib/resource-names.ts';
import { assertEvery } from '../../assert-every.ts';
import { someTime } from '../../factories.ts';
import { createMemoryDeadLetterStore } from '../../memory/dead-letter-store.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

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
    assert.equal((await retryJob(await world.job(jobId), world.services())).rows, 1);
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

  it('comes back when its letter is redriven, and the letter no longer waits', async () => {
    using world = createWorld({ chunkRows: 5 });
    const { jobId, services, deadLetters } = await halfDeadJob(world);
    const queue = () => assert.fail('a chunk goes by way of its job');
    assert.deepEqual(await redriveDeadLetters({}, { ...services, queue }, 'an operator'), {
      redriven: 1,
      left: 0,
      reasons: [],
      more: false,
    });
    await world.settle();
    const { counts, retries } = await world.job(jobId);
    assert.equal(counts.provisioned, 5);
    assert.deepEqual(retries, [{ by: 'an operator', at: someTime.toISOString(), rows: 1 }]);
    assert.deepEqual((await deadLetters.list({ size: 10 })).items, []);
    const { items } = await deadLetters.list({ size: 10, state: 'redriven' });
    assert.deepEqual(
      items.map(({ redriven }) => redriven),
      [{ by: 'an operator', at: someTime.toISOString() }],
    );
  });

  it('leaves a letter whose rows a retry has provisioned already, and says why', async () => {
    using world = createWorld({ chunkRows: 5 });
    const { jobId, services, deadLetters } = await halfDeadJob(world);
    await retryJob(await world.job(jobId), services);
    await world.settle();
    const queue = () => assert.fail('a chunk goes by way of its job');
    const { redriven, left, reasons } = await redriveDeadLetters({}, { ...services, queue });
    assert.deepEqual([redriven, left], [0, 1]);
    assert.match(reasons[0]?.reason.message ?? '', /no failed rows/);
    assert.equal((await deadLetters.list({ size: 10 })).items.length, 1);
    assert.equal(world.queue.length, 0);
  });

  it('leaves a letter whose manifest is gone, whose job is unknown, or that names no job', async () => {
    using world = createWorld({ chunkRows: 5 });
    const { services, deadLetters } = await halfDeadJob(world);
    world.manifests.delete('line7/list.csv');
    const unknown = JSON.stringify({ jobId: 'f'.repeat(24), chunk: 0 });
    for (const body of [unknown, 'no JSON']) {
      const letter = { id: deadLetterId('chunks', body), queue: 'chunks', body, reason, at: '' } as const;
      await deadLetters.put(letter);
    }
    const queue = () => assert.fail('a chunk goes by way of its job');
    const { redriven, left, reasons } = await redriveDeadLetters({}, { ...services, queue });
    assert.deepEqual([redriven, left], [0, 3]);
    const codes = reasons.map(({ reason: { code } }) => code).sort();
    assert.deepEqual(codes, ['manifest-gone', 'message-invalid', 'not-found']);
  });

  it('shows which letters were redriven when the redrive is cut', async () => {
    using world = createWorld({ chunkRows: 5 });
    const deadLetters = createMemoryDeadLetterStore();
    const bodies = ['{"order":1}', '{"order":2}', '{"order":3}'];
    for (const body of bodies)
      await deadLetters.put({ id: deadLetterId('orders', body), queue: 'orders', body, reason, at: '' });
    const sent: unknown[] = [];
    const queue = () => ({
      send: async (messages: Iterable<unknown>) => {
        if (sent.length === 2) throw new Error('The worker dies.');
        sent.push(...messages);
      },
    });
    const ports = { ...world.services(), deadLetters, queue };
    await assert.rejects(redriveDeadLetters({}, ports), { message: 'The worker dies.' });
    assert.equal((await deadLetters.list({ size: 10, state: 'redriven' })).items.length, 2);
    assert.equal((await deadLetters.list({ size: 10 })).items.length, 1);
    sent.length = 0;
    assert.equal((await redriveDeadLetters({}, ports)).redriven, 1);
    assert.equal(sent.length, 1);
  });

  it('makes its job provisioning again until the retried rows are counted', async () => {
    using world = createWorld({ chunkRows: 5 });
    const { jobId, services } = await halfDeadJob(world);
    assert.equal(currentStatus(await world.job(jobId)), 'completedWithErrors');
    await retryJob(await world.job(jobId), services);
    await retryJob(await world.job(jobId), services);
    const during = await world.job(jobId);
    assert.deepEqual([currentStatus(during), during.retrying, endedAt(during)], ['provisioning', 1, undefined]);
    await world.settle();
    const job = await world.job(jobId);
    assert.deepEqual([job.status, currentStatus(job), job.retrying], ['completedWithErrors', 'completedWithErrors', 0]);
    assert.ok(endedAt(job));
    assert.equal(job.retries?.length, 2);
  });

  it('ends its job, whichever call of the retry was interrupted', async () => {
    for (let call = 1; call <= 10; call++) {
      using world = createWorld({ chunkRows: 5 });
      const { jobId } = await halfDeadJob(world);
      world.interruptAfter(call);
      await retryJob(await world.job(jobId), world.services()).catch((error: unknown) =>
        assert.ok(error instanceof Interruption),
      );
      world.interruptAfter(Number.POSITIVE_INFINITY);
      await world.settle();
      const cut = await world.job(jobId);
      if (cut.counts.failed > 0) await retryJob(cut, world.services());
      await world.settle();
      const job = await world.job(jobId);
      assert.deepEqual(
        [isRetrying(job), job.counts.failed, job.counts.provisioned],
        [false, 0, 5],
        `cut after ${call}`,
      );
      assert.equal(currentStatus(job), 'completedWithErrors');
      assert.ok(endedAt(job));
    }
  });

  it('does not end its job while rows of another chunk are tried again', async () => {
    using world = createWorld({ chunkRows: 3 });
    const deadLetters = createMemoryDeadLetterStore();
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    await world.queue.shift()?.run();
    const services = { ...world.services(), deadLetters };
    for (const { message } of world.queue.splice(0))
      await recordDeadLetter('chunks', JSON.stringify(message), services);
    await retryJob(await world.job(jobId), services);
    await world.queue.shift()?.run();
    const during = await world.job(jobId);
    assert.deepEqual([during.status, during.finishedAt, during.retrying], ['provisioning', undefined, 3]);
    await world.settle();
    const job = await world.job(jobId);
    assert.deepEqual([job.status, job.retrying, job.counts.provisioned], ['completedWithErrors', 0, 5]);
    assert.ok(job.finishedAt);
  });

  it('is counted exactly when its retry is counted before the retry is recorded', async () => {
    using world = createWorld({ chunkRows: 5 });
    const { jobId, services } = await halfDeadJob(world);
    const fast = {
      ...services.chunkQueue,
      send: async (messages: Iterable<ChunkMessage>) => {
        await services.chunkQueue.send(messages);
        await world.settle();
      },
    };
    await retryJob(await world.job(jobId), { ...services, chunkQueue: fast });
    const job = await world.job(jobId);
    assert.deepEqual([job.retrying, currentStatus(job), job.counts.failed], [0, 'completedWithErrors', 0]);
    assert.ok(endedAt(job));
  });

  it('shows the end of a job whose worker died before it wrote the end', async () => {
    using world = createWorld({ chunkRows: 10 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    await world.queue.shift()?.run();
    world.failOn('updateVersion');
    await assert.rejects(async () => world.queue.shift()?.run(), { message: 'before updateVersion' });
    const job = await world.job(jobId);
    assert.equal(job.status, 'provisioning');
    assert.deepEqual([currentStatus(job), endedAt(job)], ['completedWithErrors', job.lastPartAt]);
    await assert.rejects(cancelJob(jobId, world.services()), {
      code: 'method-conflict',
      message: /completedWithErrors/,
    });
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
    await assert.rejects(async () => chunk?.run(), { message: 'before count' });
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
    assert.equal(items.length, queueNames.length * bodies.length);
    assertEvery(items, (letter) => letter.reason.code === 'unavailable');
  });
});

describe('cancelling a job', () => {
  it('drops the chunks that were not begun and ends the job when no row waits', async () => {
    using world = createWorld({ chunkRows: 2 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    await world.queue.shift()?.run();
    await world.queue.shift()?.run();
    const cancelled = await cancelJob(jobId, world.services(), 'an operator');
    assert.equal(cancelled.status, 'cancelled');
    assert.deepEqual(cancelled.cancelledBy, { by: 'an operator', at: someTime.toISOString() });
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
    // Devices are claimed by then, and their certificates are stored.
    world.failOn('create', world.devices);
    await assert.rejects(async () => world.queue[0]?.run(), { message: 'before create' });
    assert.equal((await world.jobs.claimed(jobId, 'chunk-00000'))?.size, 2);
    await cancelJob(jobId, world.services());
    await world.settle();
    const { counts } = await world.job(jobId);
    assert.deepEqual([counts.provisioned, counts.cancelled], [2, 4]);
    assertEvery([...world.devices.records.values()], ({ status }) => status !== 'claimed');
  });

  it('stops a retry: its rows stay failed, and the job ends again', async () => {
    for (const status of ['provisioning', 'completedWithErrors'] as const) {
      using world = createWorld({ chunkRows: 5 });
      const { jobId } = await halfDeadJob(world);
      await retryJob(await world.job(jobId), world.services());
      await world.jobs.update(jobId, ['provisioning'], { status });
      assert.equal((await cancelJob(jobId, world.services(), 'an operator')).status, 'cancelled');
      await world.settle();
      const job = await world.job(jobId);
      assert.deepEqual([currentStatus(job), job.counts.failed, job.retrying], ['completedWithErrors', 1, 0]);
      assert.equal(job.cancelledBy?.by, 'an operator');
      assert.ok(endedAt(job));
    }
  });

  it('is refused once the job has ended', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    await world.settle();
    await assert.rejects(cancelJob(jobId, world.services()), { code: 'method-conflict' });
  });

  it('ends a job that was not split in the same write, so that a worker that dies leaves none without an end', async () => {
    let cancelled = 0;
    for (let call = 1; call <= 4; call++) {
      using world = createWorld();
      await world.declare('line7', { keyCustody: 'plain' });
      const jobId = await world.upload('line7/list.csv', manifest);
      world.failOn('open');
      await assert.rejects(async () => world.queue.shift()?.run(), { message: 'before open' });
      world.interruptAfter(call);
      await cancelJob(jobId, world.services()).catch((error: unknown) => assert.ok(error instanceof Interruption));
      const { status, finishedAt } = await world.job(jobId);
      if (status !== 'cancelled') continue;
      cancelled += 1;
      assert.equal(finishedAt, someTime.toISOString(), `cut after call ${call}`);
    }
    assert.ok(cancelled > 0);
  });

  it('before the manifest was split leaves nothing to do', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    world.failOn('open');
    await assert.rejects(async () => world.queue[0]?.run(), { message: 'before open' });
    await cancelJob(jobId, world.services());
    await world.settle();
    assert.equal((await world.job(jobId)).status, 'cancelled');
    assert.equal(world.devices.records.size, 0);
  });
});
