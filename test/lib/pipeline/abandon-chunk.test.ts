import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jobErrors } from '../../../lib/jobs/reports.ts';
import { cancelJob } from '../../../lib/pipeline/cancel-job.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { redriveDeadLetters } from '../../../lib/pipeline/redrive-dead-letters.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import type { QueueName } from '../../../lib/resource-names.ts';
import { assertEvery } from '../../assert-every.ts';
import { createMemoryDeadLetterStore } from '../../memory/dead-letter-store.ts';
import { createWorld, type World } from '../../world.ts';

/* Messages given up half-way: each row is counted once, each device is released, and each job ends. */

const manifest = ['deviceId', 'gw-1', 'gw-2', 'gw-3', 'gw-4', ''].join('\n');

function lettersOf(world: World) {
  const deadLetters = createMemoryDeadLetterStore();
  const record = async (queue: QueueName, message: unknown) =>
    recordDeadLetter(queue, JSON.stringify(message), { ...world.services(), deadLetters });
  return { deadLetters, record };
}

/** Runs the first message of the queue, which breaks at a call of that name. @returns the message */
async function breakAt(world: World, method: string, port?: object): Promise<unknown> {
  const delivery = world.queue.shift();
  world.failOn(method, port);
  await assert.rejects(async () => delivery?.run(), { message: `before ${method}` });
  return delivery?.message;
}

const event = { blobName: 'line7/list.csv', etag: '1' };
const announced = {
  id: '831e1650',
  eventType: 'Microsoft.Storage.BlobCreated',
  subject: '/blobServices/default/containers/manifests/blobs/line7/list.csv',
  data: { contentLength: 30, url: 'https://test.blob.core.windows.net/manifests/line7/list.csv' },
};

describe('an upload that was given up when some of its chunks were sent', () => {
  it('fails its job, and a redrive completes it', async () => {
    using world = createWorld({ chunkRows: 1 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload(event.blobName, manifest);
    const etag = (await world.manifests.properties(event.blobName))?.etag;
    const letter = { ...announced, data: { ...announced.data, eTag: etag } };
    await breakAt(world, 'send');
    const { deadLetters, record } = lettersOf(world);
    await record('manifest-uploads', letter);
    const failed = await world.job(jobId);
    assert.deepEqual([failed.status, failed.reason?.code], ['failed', 'gave-up']);

    const queue = () => ({
      send: async () => {
        world.announce({ blobName: event.blobName, etag: etag ?? '' }, manifest.length);
      },
    });
    await redriveDeadLetters({}, { ...world.services(), deadLetters, queue });
    await world.settle();
    const { status, counts, reason } = await world.job(jobId);
    assert.deepEqual([status, counts.provisioned, reason], ['completed', 4, undefined]);
  });

  it('finishes what was begun of it, and drops the rest', async () => {
    using world = createWorld({ chunkRows: 2 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload(event.blobName, manifest);
    const etag = (await world.manifests.properties(event.blobName))?.etag;
    await world.queue.shift()?.run();
    await world.jobs.update(jobId, ['provisioning'], { dispatchedAt: undefined });
    // Begun, but not recorded, when the letter of the upload comes.
    world.failOn('count');
    const [first] = world.queue;
    await assert.rejects(async () => first?.run(), { message: 'before count' });
    await lettersOf(world).record('manifest-uploads', { ...announced, data: { ...announced.data, eTag: etag } });
    assert.equal((await world.job(jobId)).status, 'failed');
    await world.settle();
    const { counts } = await world.job(jobId);
    assert.equal(counts.provisioned, 2, 'what was begun is finished, what was not is dropped');
  });
});

describe('an upload that was given up after it was done', () => {
  for (const [name, settle] of [
    ['all of its chunks were sent', async (world: World) => world.queue.shift()?.run()],
    ['its job has ended', async (world: World) => world.settle()],
  ] as const) {
    it(`changes nothing where ${name}`, async () => {
      using world = createWorld({ chunkRows: 2 });
      await world.declare('line7', { keyCustody: 'plain' });
      const jobId = await world.upload(event.blobName, manifest);
      const eTag = (await world.manifests.properties(event.blobName))?.etag;
      await settle(world);
      const before = await world.job(jobId);
      await lettersOf(world).record('manifest-uploads', { ...announced, data: { ...announced.data, eTag } });
      assert.deepEqual(await world.job(jobId), before);
      await world.settle();
      const { status, counts } = await world.job(jobId);
      assert.deepEqual([status, counts.provisioned], ['completed', 4]);
    });
  }

  it('changes nothing where its job was cancelled and has ended', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload(event.blobName, manifest);
    const eTag = (await world.manifests.properties(event.blobName))?.etag;
    await breakAt(world, 'open');
    const cancelled = await cancelJob(jobId, world.services());
    assert.ok(cancelled.finishedAt);
    await lettersOf(world).record('manifest-uploads', { ...announced, data: { ...announced.data, eTag } });
    assert.deepEqual(await world.job(jobId), cancelled);
  });

  it('changes nothing where its job failed for a reason: the reason stays', async () => {
    using world = createWorld();
    const jobId = await world.upload('line7/list.txt', manifest);
    const eTag = (await world.manifests.properties('line7/list.txt'))?.etag;
    await world.settle();
    const url = 'https://test.blob.core.windows.net/manifests/line7/list.txt';
    const subject = '/blobServices/default/containers/manifests/blobs/line7/list.txt';
    await lettersOf(world).record('manifest-uploads', {
      ...announced,
      subject,
      data: { contentLength: 30, url, eTag },
    });
    const { status, reason } = await world.job(jobId);
    assert.deepEqual([status, reason?.code], ['failed', 'manifest-format']);
  });
});

describe('a chunk that was given up', () => {
  it('frees its devices where the manifest is overwritten', async () => {
    using world = createWorld({ chunkRows: 10 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload(event.blobName, manifest);
    await world.queue.shift()?.run();
    const message = await breakAt(world, 'create', world.devices);
    // The same name again is another manifest. The job still reads its own version.
    await world.upload(event.blobName, `${manifest}gw-5\n`);
    await lettersOf(world).record('chunks', message);
    assert.equal((await world.job(jobId)).counts.failed, 4);
    assert.deepEqual(
      [...world.devices.records.values()].map(({ status }) => status),
      ['failed', 'failed', 'failed', 'failed'],
    );
    await world.settle();
    assert.deepEqual(
      [...world.devices.records.values()].map(({ status }) => status),
      Array(5).fill('provisioned'),
    );
  });

  it('names each row in its report when the manifest and its snapshot are deleted, and frees its devices', async () => {
    using world = createWorld({ chunkRows: 3 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload(event.blobName, `${manifest}gw-5\ngw-6\n`);
    await world.queue.shift()?.run();
    // The first chunk has stored its archive, the second one has not begun.
    const first = await breakAt(world, 'create', world.devices);
    const [second] = world.queue.splice(0);
    world.manifests.delete(event.blobName);
    const { record, deadLetters } = lettersOf(world);
    await record('chunks', first);
    await record('chunks', second?.message);
    const job = await world.job(jobId);
    assert.deepEqual([job.status, job.counts.rejected, job.counts.failed], ['completedWithErrors', 6, 0]);
    const faults = await Array.fromAsync(jobErrors(jobId, world));
    assert.deepEqual(
      faults.map(({ line, code, value }) => [line, code, value]),
      [2, 3, 4, 5, 6, 7].map((line) => [line, 'manifest-gone', line < 5 ? `gw-${line - 1}` : undefined]),
    );
    assert.match(faults[4]?.message ?? '', /^This is row 2 of the 3 rows that begin on line 5\. .*gave-up/);
    assertEvery([...world.devices.records.values()], ({ status }) => status === 'failed');
    await assert.rejects(retryJob(job, world.services()), { code: 'method-conflict', message: /no failed rows/ });
    assert.equal((await deadLetters.list({ size: 10 })).items.length, 2);
  });

  it('names the rows of a retry by their lines when the manifest is deleted before the retry', async () => {
    using world = createWorld({ chunkRows: 10 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload(event.blobName, manifest);
    await world.queue.shift()?.run();
    const [chunk] = world.queue.splice(0);
    const { record } = lettersOf(world);
    await record('chunks', chunk?.message);
    assert.equal((await world.job(jobId)).counts.failed, 4);
    await retryJob(await world.job(jobId), world.services());
    world.manifests.delete(event.blobName);
    await record('chunks', world.queue.shift()?.message);
    const { counts } = await world.job(jobId);
    assert.deepEqual([counts.rejected, counts.failed], [4, 0]);
    const faults = await Array.fromAsync(jobErrors(jobId, world));
    assert.deepEqual(
      faults.map(({ line, code }) => [line, code]),
      [2, 3, 4, 5].map((line) => [line, 'manifest-gone']),
    );
  });

  it('is not retried when its manifest is deleted', async () => {
    using world = createWorld({ chunkRows: 10 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload(event.blobName, manifest);
    await world.queue.shift()?.run();
    const [chunk] = world.queue.splice(0);
    await lettersOf(world).record('chunks', chunk?.message);
    world.manifests.delete(event.blobName);
    await assert.rejects(retryJob(await world.job(jobId), world.services()), { code: 'manifest-gone' });
    assert.equal(world.queue.length, 0);
  });

  it('leaves the rows that wait for their enrollment to be counted once', async () => {
    for (const cut of ['send', 'count', 'create']) {
      using world = createWorld({ chunkRows: 10 });
      await world.declare('line7', { keyCustody: 'plain', enrollment: 'individual' });
      const jobId = await world.upload(event.blobName, manifest);
      await world.queue.shift()?.run();
      const message = await breakAt(world, cut, cut === 'create' ? world.devices : undefined);
      await lettersOf(world).record('chunks', message);
      await world.settle();
      const { counts, status, finishedAt } = await world.job(jobId);
      const expected = cut === 'create' ? { provisioned: 0, failed: 4 } : { provisioned: 4, failed: 0 };
      assert.deepEqual({ provisioned: counts.provisioned, failed: counts.failed }, expected, `cut at ${cut}`);
      assert.ok(finishedAt, `cut at ${cut}: ${status}`);
    }
  });
});
