import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Enrollments } from '../../../lib/enrollment/enrollments.ts';
import { waiting } from '../../../lib/jobs/job.ts';
import type { EnrollmentMessage } from '../../../lib/jobs/messages.ts';
import { blockDevice } from '../../../lib/pipeline/block-device.ts';
import { enrollDevices } from '../../../lib/pipeline/enroll-devices.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { createMemoryDeadLetterStore } from '../../memory/dead-letter-store.ts';
import { createWorld, type World } from '../../world.ts';

/*
 * A row with an individual enrollment is counted by the chunk's second part, and by that one alone, whenever the chunk is
 * delivered again.
 */

const manifest = ['deviceId', 'gw-1', 'gw-2', 'gw-3', ''].join('\n');
const individual = { keyCustody: 'plain', enrollment: 'individual' } as const;

/** DPS takes all devices but these. */
function refusing(world: World, ...ids: readonly string[]): Enrollments {
  return {
    ...world.enrollments,
    enroll: async (devices) =>
      devices.map(({ deviceId }) => (ids.includes(deviceId) ? { errorCode: 400004, message: 'no' } : undefined)),
  };
}

/** Delivers the job's one chunk as far as its count, which fails. @returns the message of its enrollments */
async function upToCount(world: World) {
  await world.queue.shift()?.run();
  const [chunk] = world.queue.splice(0);
  world.failOn('count');
  await assert.rejects(async () => chunk?.run(), { message: 'before count' });
  const [enrollment] = world.queue.splice(0);
  assert.ok(chunk && enrollment);
  return { chunk, message: enrollment.message as EnrollmentMessage };
}

describe('a chunk of individual enrollments that DPS takes longer for than a run may last', () => {
  it('goes on in the next run where this one ended', async () => {
    using world = createWorld({ chunkRows: 40 });
    await world.declare('line7', individual);
    const ids = Array.from({ length: 40 }, (_, index) => `gw-${index}`);
    const jobId = await world.upload('line7/list.csv', `deviceId\n${ids.join('\n')}\n`);
    await world.queue.shift()?.run();
    await world.queue.shift()?.run();
    const [enrollment] = world.queue.splice(0);
    const message = enrollment?.message as EnrollmentMessage;
    let minute = 0;
    const now = () => new Date(minute++ * 60_000);
    await enrollDevices(message, { ...world.services(), now });
    const counted = [...world.devices.records.values()].filter(({ status }) => status === 'provisioned');
    assert.ok(counted.length > 0 && counted.length < 40, `${counted.length} are enrolled`);
    assert.equal(waiting((await world.job(jobId)).counts), 40);
    assert.deepEqual(
      world.queue.map((delivery) => delivery.message),
      [message],
    );
    await world.settle();
    const { status, counts } = await world.job(jobId);
    assert.deepEqual([status, counts.provisioned], ['completed', 40]);
    assert.equal(world.enrollments.calls.enroll, 4, 'no device is enrolled twice');
  });
});

describe('a chunk of individual enrollments whose archive is lost before they are made', () => {
  const losses: [string, (world: World, name: string) => void][] = [
    ['deleted', (world, name) => world.bundles.delete(name)],
    ['damaged', (world, name) => world.bundles.blobs.get(name)?.fill(0, 0, 200)],
  ];
  for (const [how, lose] of losses) {
    it(`${how}: is put aside, and its rows fail and can be tried again`, async () => {
      using world = createWorld();
      await world.declare('line7', individual);
      const jobId = await world.upload('line7/list.csv', manifest);
      await world.queue.shift()?.run();
      await world.queue.shift()?.run();
      const [enrollment] = world.queue.splice(0);
      lose(world, `${jobId}/chunk-00000.zip`);
      await assert.rejects(async () => enrollment?.run(), { code: 'archive-damaged' });
      const services = { ...world.services(), deadLetters: createMemoryDeadLetterStore() };
      await recordDeadLetter('individual-enrollments', JSON.stringify(enrollment?.message), services);
      const { counts, status } = await world.job(jobId);
      assert.deepEqual([status, counts.failed, waiting(counts)], ['completedWithErrors', 3, 0]);

      await retryJob(await world.job(jobId), world.services());
      await world.settle();
      const retried = await world.job(jobId);
      assert.deepEqual([retried.status, retried.counts.provisioned], ['completed', 3]);
    });
  }
});

describe('a device that is revoked before it is enrolled', () => {
  for (const [name, metadata] of [
    ['new', {}],
    ['issued again', { onconflict: 'reissue' }],
  ] as const) {
    it(`rejects its row, since no retry can help (${name})`, async () => {
      using world = createWorld();
      await world.declare('line7', individual);
      if (name === 'issued again') {
        await world.upload('line7/first.csv', manifest);
        await world.settle();
      }
      const jobId = await world.upload('line7/list.csv', manifest, metadata);
      await world.queue.shift()?.run();
      await world.queue.shift()?.run();
      await blockDevice('gw-2', 'revoked', { by: 'Ann', reason: 'lost' }, world.services());
      await world.settle();
      const job = await world.job(jobId);
      assert.deepEqual([job.counts.provisioned, job.counts.rejected, job.counts.failed], [2, 1, 0]);
      await assert.rejects(retryJob(job, world.services()), { code: 'method-conflict' });
    });
  }
});

describe('a chunk of individual enrollments that is delivered again', () => {
  for (const ids of [['gw-2'], ['gw-1', 'gw-2', 'gw-3']]) {
    it(`when DPS has refused ${ids.length} of 3 meanwhile: each is counted as failed once`, async () => {
      using world = createWorld();
      await world.declare('line7', individual);
      const jobId = await world.upload('line7/list.csv', manifest);
      const { chunk, message } = await upToCount(world);
      await enrollDevices(message, { ...world.services(), enrollments: refusing(world, ...ids) });
      await chunk.run();
      await world.settle();
      const { counts, status } = await world.job(jobId);
      assert.deepEqual(
        [status, counts.failed, counts.provisioned, waiting(counts)],
        ['completedWithErrors', ids.length, 3 - ids.length, 0],
      );
    });
  }

  it('when its group has no individual enrollments any more: what was begun so ends so', async () => {
    using world = createWorld();
    await world.declare('line7', individual);
    const jobId = await world.upload('line7/list.csv', manifest);
    const { chunk, message } = await upToCount(world);
    await world.declare('line7', { keyCustody: 'plain' });
    await chunk.run();
    await enrollDevices(message, world.services());
    await world.settle();
    const { counts } = await world.job(jobId);
    assert.deepEqual([counts.provisioned, waiting(counts)], [3, 0]);
  });

  it('when its group has them only now: the chunk counts its rows itself', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    await world.queue.shift()?.run();
    const [chunk] = world.queue.splice(0);
    // Committed, and not yet recorded.
    world.failOn('create', world.devices);
    await assert.rejects(async () => chunk?.run(), { message: 'before create' });
    await world.declare('line7', individual);
    await chunk?.run();
    await world.settle();
    const { counts, status } = await world.job(jobId);
    assert.deepEqual([status, counts.provisioned, waiting(counts)], ['completed', 3, 0]);
  });
});
