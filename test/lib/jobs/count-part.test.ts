import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failUndispatched, finishIfDone } from '../../../lib/jobs/count-part.ts';
import { type Job, type JobStatus, type JobStore, noRows } from '../../../lib/jobs/job.ts';
import type { ReportSources } from '../../../lib/jobs/reports.ts';
import { someJob, someTime } from '../../factories.ts';
import { createMemoryJobStore } from '../../memory/job-store.ts';

const at = new Date('2026-11-23T09:00:00.000Z');
const allProvisioned = { ...noRows, total: 2, provisioned: 2 };
const ended: Partial<Job> = { chunks: 1, status: 'provisioning', counts: allProvisioned };

async function storeWith(job: Job): Promise<JobStore> {
  const jobs = createMemoryJobStore();
  await jobs.create(job);
  return jobs;
}

/** No row failed, so no report is read. */
const sources = (jobs: JobStore) => ({ jobs }) as ReportSources;

/** A store whose jobs change `times` times, each between a read and the write that follows it. */
function changing(jobs: JobStore, times: number): JobStore {
  let left = times;
  return {
    ...jobs,
    async updateVersion(read, change) {
      if (left > 0) {
        left -= 1;
        return undefined;
      }
      return jobs.updateVersion(read, change);
    },
  };
}

describe('the end of a job', () => {
  it('has the status of its counters, and the time', async () => {
    const job = someJob(ended);
    const jobs = await storeWith(job);
    await finishIfDone(sources(jobs), job, at);
    const found = await jobs.read(job.jobId);
    assert.deepEqual([found?.status, found?.finishedAt], ['completed', at.toISOString()]);
  });

  it('takes away why it was given up, and only of a job that had failed', async () => {
    const reason = { code: 'unavailable', message: 'No answer.', hint: 'Redrive it.' } as const;
    for (const [status, left] of [
      ['failed', undefined],
      ['provisioning', reason],
    ] as const) {
      const job = someJob({ ...ended, status, reason });
      const jobs = await storeWith(job);
      await finishIfDone(sources(jobs), job, at);
      assert.deepEqual((await jobs.read(job.jobId))?.reason, left, status);
    }
  });

  it('is written though others change the job 19 times meanwhile, and given up at the 20th', async () => {
    const job = someJob(ended);
    const jobs = await storeWith(job);
    await assert.rejects(finishIfDone(sources(changing(jobs, 20)), job, at), { code: 'concurrent-change' });
    assert.equal((await jobs.read(job.jobId))?.finishedAt, undefined);
    await finishIfDone(sources(changing(jobs, 19)), job, at);
    assert.equal((await jobs.read(job.jobId))?.status, 'completed');
  });

  for (const [name, change] of [
    ['a row waits', { counts: { ...allProvisioned, total: 3 } }],
    ['rows are tried again', { retrying: 1 }],
    ['it was not split', { counts: noRows }],
    ['it is a dry run', { dryRun: true }],
    ['it is still being split', { status: 'splitting' }],
  ] as const) {
    it(`is not written while ${name}`, async () => {
      const job = someJob({ ...ended, ...change });
      const jobs = await storeWith(job);
      await finishIfDone(sources(jobs), job, at);
      assert.equal((await jobs.read(job.jobId))?.finishedAt, undefined);
    });
  }

  it('is by what the store has, and not by an older version', async () => {
    const jobs = await storeWith(someJob({ ...ended, counts: { ...allProvisioned, total: 3 } }));
    await finishIfDone(sources(jobs), someJob(ended), at);
    assert.equal((await jobs.read(someJob().jobId))?.finishedAt, undefined);
  });
});

describe('a job whose messages were not all sent', () => {
  const reason = { code: 'unavailable', message: 'No answer.', hint: 'Redrive it.' } as const;
  const now = () => at;

  async function statusAfter(change: Partial<Job>): Promise<JobStatus | undefined> {
    const jobs = await storeWith(someJob(change));
    await failUndispatched(someJob().jobId, reason, { jobs, now });
    return (await jobs.read(someJob().jobId))?.status;
  }

  it('fails with the reason', async () => {
    for (const status of ['received', 'splitting', 'provisioning', 'checking', 'cancelled'] as const) {
      assert.equal(await statusAfter({ status }), 'failed', status);
    }
  });

  it('is left alone once they were, or once it has ended', async () => {
    const time = someTime.toISOString();
    assert.equal(await statusAfter({ status: 'provisioning', dispatchedAt: time }), 'provisioning');
    assert.equal(await statusAfter({ status: 'provisioning', finishedAt: time }), 'provisioning');
    assert.equal(await statusAfter({ status: 'completed' }), 'completed');
  });
});
