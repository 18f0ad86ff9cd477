import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JobStore } from '../../lib/jobs/job.ts';
import { type Job, type Part, partName, waiting } from '../../lib/jobs/job.ts';
import { someJob, someTime } from '../factories.ts';

let made = 0;

function newJob(change: Partial<Job> = {}): Job {
  made += 1;
  const jobId = (Date.now().toString(16) + made.toString(16).padStart(4, '0')).padStart(24, '0');
  return someJob({ jobId, ...change });
}

const nothing = { provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0 };

function somePart(chunk: number, outcome: Partial<Part['outcome']>): Part {
  return { part: partName(chunk, 1), chunk, outcome: { ...nothing, ...outcome }, finishedAt: someTime.toISOString() };
}

/** Tests that every JobStore passes. */
export function jobStoreContract(name: string, open: () => Promise<JobStore> | JobStore): void {
  describe(`job store: ${name}`, () => {
    it('creates a job once', async () => {
      const store = await open();
      const job = newJob();
      assert.equal(await store.create(job), true);
      assert.equal(await store.create({ ...job, name: 'another' }), false);
      assert.deepEqual(await store.read(job.jobId), job);
    });

    it('returns undefined for a job that does not exist', async () => {
      const store = await open();
      assert.equal(await store.read('f'.repeat(24)), undefined);
      assert.deepEqual(await store.readWithPart('f'.repeat(24), 'chunk-00000'), { job: undefined, part: undefined });
    });

    it('changes a job only if it has one of the given statuses', async () => {
      const store = await open();
      const job = newJob();
      await store.create(job);
      const split = await store.update(job.jobId, ['received'], { status: 'provisioning', total: 30, chunks: 2 });
      assert.equal(split?.status, 'provisioning');
      assert.equal(split?.counts.total, 30);
      const late = await store.update(job.jobId, ['received'], { status: 'failed' });
      assert.equal(late?.status, 'provisioning');
      assert.equal(await store.update('e'.repeat(24), ['received'], { status: 'failed' }), undefined);
    });

    it('stores and counts a part once', async () => {
      const store = await open();
      const job = newJob({ status: 'provisioning', counts: { ...nothing, total: 30 } });
      await store.create(job);
      const first = await store.count(job.jobId, somePart(0, { provisioned: 8, rejected: 2 }));
      assert.deepEqual(first.counts, { ...nothing, total: 30, provisioned: 8, rejected: 2 });
      assert.equal(first.lastPartAt, somePart(0, {}).finishedAt);
      const again = await store.count(job.jobId, somePart(0, { provisioned: 9 }));
      assert.deepEqual(again.counts, first.counts);
      const { part } = await store.readWithPart(job.jobId, 'chunk-00000');
      assert.deepEqual(part, somePart(0, { provisioned: 8, rejected: 2 }));
    });

    it('adds the repairs of a part once, beside those of the file', async () => {
      const store = await open();
      const job = newJob({ status: 'splitting' });
      await store.create(job);
      await store.update(job.jobId, ['splitting'], { status: 'provisioning', total: 30, repairs: { 'utf-16': 1 } });
      const part = { ...somePart(0, { provisioned: 8 }), repairs: { 'trimmed-cells': 3, nfc: 1 } };
      await store.count(job.jobId, part);
      await store.count(job.jobId, part);
      const after = await store.count(job.jobId, { ...somePart(1, {}), repairs: { nfc: 2 } });
      assert.deepEqual(after.repairs, { 'utf-16': 1, 'trimmed-cells': 3, nfc: 3 });
      assert.equal(after.counts.provisioned, 8);
    });

    it('counts every part when many arrive at once', async () => {
      const store = await open();
      const job = newJob({ status: 'provisioning', counts: { ...nothing, total: 400 } });
      await store.create(job);
      const parts = Array.from({ length: 40 }, (_, chunk) =>
        somePart(chunk, { provisioned: 7, unchanged: 2, rejected: 1 }),
      );
      await Promise.all([...parts, ...parts.slice(0, 10)].map((part) => store.count(job.jobId, part)));
      const after = await store.read(job.jobId);
      assert.deepEqual(after?.counts, {
        total: 400,
        provisioned: 280,
        unchanged: 80,
        rejected: 40,
        failed: 0,
        cancelled: 0,
      });
      assert.equal(after && waiting(after.counts), 0);
    });

    it('changes a job only if it is the version that was read', async () => {
      const store = await open();
      const job = newJob({ status: 'provisioning', counts: { ...nothing, total: 9 } });
      await store.create(job);
      assert.equal(await store.readVersion('d'.repeat(24)), undefined);
      const read = (await store.readVersion(job.jobId)) ?? assert.fail();
      assert.deepEqual(read.value, job);
      const retries = [{ by: 'operator', at: someTime.toISOString(), rows: 4 }];
      const retried = await store.updateVersion(read, { retrying: 4, retries });
      assert.deepEqual([retried?.retrying, retried?.retries], [4, retries]);
      assert.equal(await store.updateVersion(read, { retrying: 9 }), undefined);
      const again = (await store.readVersion(job.jobId)) ?? assert.fail();
      await store.count(job.jobId, somePart(0, {}));
      assert.equal(await store.updateVersion(again, { retrying: 9 }), undefined);
      assert.equal((await store.read(job.jobId))?.retrying, 4);
    });

    it('takes the retried rows of a part off once', async () => {
      const store = await open();
      const job = newJob({ status: 'provisioning', retrying: 5, counts: { ...nothing, total: 9, failed: 5 } });
      await store.create(job);
      const part = { ...somePart(0, { provisioned: 3, failed: -3 }), retried: 3 };
      assert.equal((await store.count(job.jobId, part)).retrying, 2);
      assert.equal((await store.count(job.jobId, part)).retrying, 2);
    });

    it('takes retried rows off a job that has no record of the retry', async () => {
      const store = await open();
      const job = newJob({ counts: { ...nothing, total: 9, failed: 5 } });
      await store.create(job);
      assert.equal((await store.count(job.jobId, { ...somePart(0, {}), retried: 3 })).retrying, -3);
    });

    it('stores a part that changes no counter', async () => {
      const store = await open();
      const job = newJob({ status: 'provisioning', counts: { ...nothing, total: 5 } });
      await store.create(job);
      assert.deepEqual((await store.count(job.jobId, somePart(0, {}))).counts, job.counts);
      assert.ok((await store.readWithPart(job.jobId, 'chunk-00000')).part);
    });

    it('reads parts in the order of their names', async () => {
      const store = await open();
      const job = newJob({ status: 'provisioning', counts: { ...nothing, total: 3 } });
      await store.create(job);
      for (const chunk of [2, 0, 1]) await store.count(job.jobId, somePart(chunk, { provisioned: 1 }));
      const parts = await Array.fromAsync(store.parts(job.jobId));
      assert.deepEqual(
        parts.map(({ chunk }) => chunk),
        [0, 1, 2],
      );
    });

    it('lists the newest job first, in pages with every job once', async () => {
      const store = await open();
      // Far in the future, so that these jobs are listed before those of other tests.
      const year = 2100 + (made % 100);
      const jobs = Array.from({ length: 7 }, (_, index) =>
        newJob({ receivedAt: `${year}-01-01T00:00:0${index >> 1}.000Z` }),
      );
      for (const job of jobs) await store.create(job);
      const seen: Job[] = [];
      let continuation: string | undefined;
      while (seen.length < 7) {
        const page = await store.list({ size: 3, continuation });
        seen.push(...page.items);
        continuation = page.continuation;
        if (continuation === undefined) break;
      }
      const expected = [...jobs].sort((a, b) => (`${a.receivedAt}~${a.jobId}` > `${b.receivedAt}~${b.jobId}` ? -1 : 1));
      assert.deepEqual(seen.slice(0, 7), expected);
    });
  });
}
