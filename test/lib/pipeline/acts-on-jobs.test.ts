import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job, JobStatus, RowCounts } from '../../../lib/jobs/job.ts';
import { noRows } from '../../../lib/jobs/job.ts';
import { cancelJob } from '../../../lib/pipeline/cancel-job.ts';
import { deleteGroup } from '../../../lib/pipeline/delete-group.ts';
import { noticeJobs } from '../../../lib/pipeline/notice-jobs.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { someDevice, someJob, someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';

/* What an operator does to a job or a group in each of its states. */

const { jobId } = someJob();
const at = someTime.toISOString();
const minutesAgo = (minutes: number) => new Date(someTime.getTime() - minutes * 60_000).toISOString();
const counts = (change: Partial<RowCounts>): RowCounts => ({ ...noRows, ...change });

async function withJob(status: JobStatus, change: Partial<RowCounts> = {}, more: Partial<Job> = {}): Promise<World> {
  const world = createWorld();
  await world.jobs.create(someJob({ status, counts: counts(change), ...more }));
  return world;
}

describe('cancelling a job', () => {
  for (const status of ['received', 'splitting', 'checking'] as const) {
    it(`that is ${status} ends it at once: no row waits`, async () => {
      using world = await withJob(status);
      const job = await cancelJob(jobId, world.services(), 'Ann');
      assert.deepEqual([job.status, job.cancelledBy, job.finishedAt], ['cancelled', { by: 'Ann', at }, at]);
    });
  }

  it('with rows in work leaves it to them', async () => {
    using world = await withJob('provisioning', { total: 2, provisioned: 1 });
    const job = await cancelJob(jobId, world.services(), 'Ann');
    assert.deepEqual([job.status, job.finishedAt], ['cancelled', undefined]);
  });

  it('that is retried leaves it to the rows of the retry, whatever was written last', async () => {
    for (const status of ['provisioning', 'completedWithErrors'] as const) {
      using world = await withJob(status, { total: 2, failed: 2 }, { retrying: 1 });
      const job = await cancelJob(jobId, world.services(), 'Ann');
      assert.deepEqual([job.status, job.finishedAt], ['cancelled', undefined]);
    }
  });

  it('twice keeps who was first', async () => {
    using world = await withJob('received');
    const first = await cancelJob(jobId, world.services(), 'Ann');
    assert.deepEqual(await cancelJob(jobId, world.services(), 'Bob'), first);
  });

  for (const [status, change] of [
    ['completed', { total: 1, provisioned: 1 }],
    ['completedWithErrors', { total: 1, failed: 1 }],
    ['provisioning', { total: 1, provisioned: 1 }],
    ['failed', {}],
    ['checked', {}],
  ] as const) {
    it(`that is ${status} with no row left is refused`, async () => {
      using world = await withJob(status, change);
      await assert.rejects(cancelJob(jobId, world.services(), 'Ann'), {
        code: 'method-conflict',
        message: /has ended/,
      });
    });
  }
});

describe('retrying a job', () => {
  const range = { start: 9, end: 14, firstLine: 2, rows: 1 };

  /** A job of one row, which failed. */
  async function withFailedRow(): Promise<World> {
    const world = createWorld();
    await world.manifests.write('line7/list.csv', Buffer.from('deviceId\ngw-1\n'), { contentType: 'text/csv' });
    const etag = (await world.manifests.properties('line7/list.csv'))?.etag ?? '';
    const manifest = { blob: 'line7/list.csv', etag };
    const status = 'completedWithErrors';
    await world.jobs.create(someJob({ status, manifest, finishedAt: at, counts: counts({ total: 1 }) }));
    const report = { results: [], faults: [{ line: 2, code: 'gave-up', message: 'No.', source: 'gw-1' }] };
    await world.reports.write('r', Buffer.from(JSON.stringify(report)), { contentType: 'application/json' });
    const { total: _total, ...outcome } = counts({ failed: 1 });
    await world.jobs.count(jobId, { part: 'chunk-00000', chunk: 0, outcome, finishedAt: at, range, report: 'r' });
    return world;
  }

  it('names the latest 20 retries, and sends the failed rows as another attempt', async () => {
    using world = await withFailedRow();
    for (let index = 1; index <= 22; index++) {
      const retried = await retryJob(await world.job(jobId), world.services(), `operator ${index}`);
      assert.deepEqual([retried.rows, [...retried.chunks]], [1, [0]]);
    }
    const { retries = [], retrying, status, finishedAt } = await world.job(jobId);
    assert.deepEqual(
      retries.map(({ by }) => by),
      Array.from({ length: 20 }, (_, index) => `operator ${index + 3}`),
    );
    assert.deepEqual([retrying, status, finishedAt, retries[0]?.rows], [1, 'provisioning', undefined, 1]);
    assert.deepEqual(world.queue[0]?.message, { jobId, chunk: 0, ...range, attempt: 2, lines: [2] });
  });

  it('runs, and says so, where it could not be recorded', async () => {
    using world = await withFailedRow();
    const { jobs, ...services } = world.services();
    let writes = 0;
    const updateVersion = async () => {
      writes += 1;
      return undefined;
    };
    const busy = { ...jobs, parts: jobs.parts, readVersion: jobs.readVersion, updateVersion };
    const retry = retryJob(await world.job(jobId), { ...services, jobs: busy });
    await assert.rejects(retry, { code: 'concurrent-change', message: /runs, and could not be recorded/ });
    assert.deepEqual([writes, world.queue.length], [20, 1]);
  });
});

describe('a job that stands still', () => {
  const open = { total: 3, provisioned: 1 };
  const stalled = async (status: JobStatus, change: Partial<RowCounts>, more: Partial<Job>) => {
    using world = await withJob(status, change, more);
    await noticeJobs(world.services());
    const events = (await world.outbox.owing(10)).flatMap((each) => each.events);
    const event = events.find(({ type }) => type === 'fleet.job.stalled');
    return event && [event.data['waiting'], event.data['since']];
  };

  it('is announced after 30 minutes without a row, since the latest of its times', async () => {
    const since = (minutes: number) => ({ receivedAt: minutesAgo(300), lastPartAt: minutesAgo(minutes) });
    assert.deepEqual(await stalled('provisioning', open, since(30)), [2, minutesAgo(30)]);
    assert.equal(await stalled('provisioning', open, since(29.99)), undefined);
    const times = { receivedAt: minutesAgo(90), startedAt: minutesAgo(80), dispatchedAt: minutesAgo(70) };
    assert.deepEqual(await stalled('provisioning', open, times), [2, minutesAgo(70)]);
    const retries = [{ by: 'Ann', at: minutesAgo(40), rows: 1 }];
    assert.deepEqual(await stalled('provisioning', open, { ...times, retries }), [2, minutesAgo(40)]);
    assert.deepEqual(await stalled('received', {}, { receivedAt: minutesAgo(31) }), [0, minutesAgo(31)]);
  });

  it('is not announced once it has ended, and is while rows of it are retried', async () => {
    const received = { receivedAt: minutesAgo(300) };
    assert.equal(await stalled('completed', { total: 1, provisioned: 1 }, received), undefined);
    assert.equal(await stalled('failed', {}, received), undefined);
    const retried = await stalled('completedWithErrors', { total: 3, failed: 3 }, { ...received, retrying: 2 });
    assert.deepEqual(retried, [2, minutesAgo(300)]);
    const cancelled = await stalled('cancelled', open, received);
    assert.equal(cancelled, undefined, 'a cancelled job is settled');
  });
});

describe('the refusal to delete a group', () => {
  const refused = async (count: number, change: Parameters<typeof someDevice>[0] = { status: 'assigned' }) => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    await world.devices.create(
      Array.from({ length: count }, (_, index) => someDevice({ id: `gw-${index}`, ...change })),
    );
    const error = await deleteGroup('line7', 'Ann', world.services()).then(
      () => undefined,
      (thrown: Error) => thrown.message,
    );
    return /has devices: (.*)\. Delete/.exec(error ?? '')?.[1];
  };

  it('names five devices', async () => {
    assert.equal(await refused(2), 'gw-0, gw-1');
    assert.equal(await refused(5), 'gw-0, gw-1, gw-2, gw-3, gw-4');
    assert.equal(await refused(6), 'gw-0, gw-1, gw-2, gw-3, gw-4 and others');
  });

  it('is not for devices that left nothing: deleted ones, and rows that failed before they had a certificate', async () => {
    assert.equal(await refused(1, { status: 'deleted' }), undefined);
    assert.equal(await refused(1, { status: 'failed' }), undefined);
    assert.equal(await refused(1, { status: 'failed', enrolledCertificates: [] }), 'gw-0');
    assert.equal(await refused(1, { status: 'claimed' }), 'gw-0');
  });
});
