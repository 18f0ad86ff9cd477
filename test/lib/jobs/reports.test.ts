import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deadLetterId } from '../../../lib/jobs/dead-letters.ts';
import { jobErrors, jobResults } from '../../../lib/jobs/reports.ts';
import { cancelJob } from '../../../lib/pipeline/cancel-job.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { assertEvery } from '../../assert-every.ts';
import { createMemoryDeadLetterStore } from '../../memory/dead-letter-store.ts';
import { createWorld, type World } from '../../world.ts';

const manifest = ['deviceId', 'gw-1', 'GW-2', 'gw-3', 'gw-4', 'gw-5', 'gw-6', ''].join('\n');
const reason = { code: 'unavailable', message: 'Cosmos DB did not answer as it should.', hint: 'wait' } as const;

const faultsOf = async (world: World, jobId: string) =>
  (await Array.fromAsync(jobErrors(jobId, world))).map(({ line, code }) => `${line} ${code}`);
const resultsOf = async (world: World, jobId: string) =>
  (await Array.fromAsync(jobResults(jobId, world))).map(
    ({ line, deviceId, status }) => `${line} ${deviceId} ${status}`,
  );

/** Puts the message that comes next aside, as the host does after its last delivery. */
async function killNext(world: World): Promise<void> {
  const services = { ...world.services(), deadLetters: createMemoryDeadLetterStore() };
  const body = JSON.stringify(world.queue.shift()?.message);
  await services.deadLetters.noteReason(deadLetterId('chunks', body), 'chunks', reason);
  await recordDeadLetter('chunks', body, services);
}

/** A job of three chunks of two rows; the first failed at each delivery. */
async function jobWithDeadChunk(world: World): Promise<string> {
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('line7/list.csv', manifest);
  await world.queue.shift()?.run();
  await killNext(world);
  await world.settle();
  return jobId;
}

describe('the reports of a job', () => {
  it('say each row once, in order of the manifest', async () => {
    using world = createWorld({ chunkRows: 2 });
    const jobId = await jobWithDeadChunk(world);
    assert.deepEqual(await faultsOf(world, jobId), ['2 gave-up', '3 device-id-invalid']);
    assert.deepEqual(await resultsOf(world, jobId), [
      '4 gw-3 provisioned',
      '5 gw-4 provisioned',
      '6 gw-5 provisioned',
      '7 gw-6 provisioned',
    ]);
  });

  it('say of a row that was tried again what became of it last', async () => {
    using world = createWorld({ chunkRows: 2 });
    const jobId = await jobWithDeadChunk(world);
    await retryJob(await world.job(jobId), world.services());
    await killNext(world);
    assert.deepEqual(await faultsOf(world, jobId), ['2 gave-up', '3 device-id-invalid']);
    await retryJob(await world.job(jobId), world.services());
    await world.settle();
    assert.deepEqual(await faultsOf(world, jobId), ['3 device-id-invalid']);
    assert.deepEqual((await resultsOf(world, jobId)).slice(0, 2), ['2 gw-1 provisioned', '4 gw-3 provisioned']);
    const { counts, status } = await world.job(jobId);
    assert.deepEqual([status, counts.provisioned, counts.rejected, counts.failed], ['completedWithErrors', 5, 1, 0]);
  });

  it('say of a manifest that is sent again that nothing changed', async () => {
    using world = createWorld({ chunkRows: 2 });
    const first = await jobWithDeadChunk(world);
    await retryJob(await world.job(first), world.services());
    await world.settle();
    const second = await world.upload('line7/again.csv', manifest);
    await world.settle();
    assertEvery(await resultsOf(world, second), (result) => result.endsWith('unchanged'));
    assert.deepEqual(await faultsOf(world, second), ['3 device-id-invalid']);
  });
});

describe('a report that was deleted', () => {
  it('is rebuilt from the device records, and the other chunks are served as before', async () => {
    using world = createWorld({ chunkRows: 2 });
    const jobId = await jobWithDeadChunk(world);
    const results = await resultsOf(world, jobId);
    world.reports.delete(`${jobId}/chunk-00001.json`);
    assert.deepEqual(await resultsOf(world, jobId), results);
  });

  it('leaves one line for the rows that no record knows', async () => {
    using world = createWorld({ chunkRows: 2 });
    const jobId = await jobWithDeadChunk(world);
    await world.reports.write(`${jobId}/chunk-00000.json`, Buffer.from('{"results":['), { contentType: 'text/plain' });
    assert.deepEqual(await faultsOf(world, jobId), ['2 report-missing']);
    const [fault] = await Array.fromAsync(jobErrors(jobId, world));
    assert.equal(fault?.message, '2 rows of chunk 0, whose 2 rows begin on line 2, are in no report.');
    await assert.rejects(retryJob(await world.job(jobId), world.services()), { code: 'report-missing' });
  });

  it('leaves one line for rows that were unchanged', async () => {
    using world = createWorld({ chunkRows: 2 });
    await jobWithDeadChunk(world);
    const again = await world.upload('line7/again.csv', manifest);
    await world.settle();
    world.reports.delete(`${again}/chunk-00001.json`);
    assert.deepEqual((await resultsOf(world, again)).slice(1), [
      '4  report-missing: 2 rows of chunk 1, whose 2 rows begin on line 4, are in no report.',
      '6 gw-5 unchanged',
      '7 gw-6 unchanged',
    ]);
  });

  it('does not stop a retry of the rows that the records know', async () => {
    using world = createWorld({ chunkRows: 10 });
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', manifest);
    await world.queue.shift()?.run();
    // The chunk has claimed its devices when it is given up, so that their records say why they failed.
    world.failOn('create', world.devices);
    await assert.rejects(async () => world.queue[0]?.run(), { message: 'before create' });
    await killNext(world);
    world.reports.delete(`${jobId}/chunk-00000.json`);
    assert.equal((await retryJob(await world.job(jobId), world.services())).rows, 5);
    await world.settle();
    const { counts } = await world.job(jobId);
    assert.deepEqual([counts.provisioned, counts.rejected, counts.failed], [5, 1, 0]);
  });
});

it('a job that was cancelled is not retried, and its failed rows stay failed', async () => {
  using world = createWorld({ chunkRows: 2 });
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('line7/list.csv', manifest);
  await world.queue.shift()?.run();
  await killNext(world);
  await cancelJob(jobId, world.services());
  await world.settle();
  const job = await world.job(jobId);
  assert.deepEqual([job.status, job.counts.failed, job.counts.cancelled], ['cancelled', 1, 4]);
  await assert.rejects(retryJob(job, world.services()), { code: 'method-conflict', message: /was cancelled/ });
});

it('rows whose retry is dropped because the job is cancelled stay failed, in its counts as in its report', async () => {
  using world = createWorld({ chunkRows: 2 });
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('line7/list.csv', manifest);
  await world.queue.shift()?.run();
  await killNext(world);
  await retryJob(await world.job(jobId), world.services());
  await cancelJob(jobId, world.services());
  await world.settle();
  const { status, counts } = await world.job(jobId);
  assert.deepEqual([status, counts.rejected, counts.failed, counts.cancelled], ['cancelled', 1, 1, 4]);
  assert.deepEqual(await faultsOf(world, jobId), ['2 gave-up', '3 device-id-invalid']);
});

it('a job that failed as a whole is not retried: its chunks would be dropped as they come up', async () => {
  using world = createWorld({ chunkRows: 2 });
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('line7/list.csv', manifest);
  await world.queue.shift()?.run();
  await killNext(world);
  await world.jobs.update(jobId, ['provisioning'], { status: 'failed' });
  const retry = retryJob(await world.job(jobId), world.services());
  await assert.rejects(retry, { code: 'method-conflict', message: /redrive/ });
});

it('only reports of chunks with failed rows are read for a retry', async () => {
  using world = createWorld({ chunkRows: 2 });
  const jobId = await jobWithDeadChunk(world);
  const names: string[] = [];
  const reports = {
    ...world.reports,
    read: (name: string) => {
      names.push(name);
      return world.reports.read(name);
    },
  };
  await retryJob(await world.job(jobId), { ...world.services(), reports });
  assert.deepEqual(names, [`${jobId}/chunk-00000.json`]);
});
