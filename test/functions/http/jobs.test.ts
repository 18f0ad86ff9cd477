import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobView } from '../../../functions/http/job-view.ts';
import { type Job, noRows } from '../../../lib/jobs/job.ts';

const job: Job = {
  jobId: 'a'.repeat(24),
  source: 'blob',
  name: 'line7/list.csv',
  manifest: { blob: 'line7/list.csv', etag: '"1"' },
  format: 'csv',
  onConflict: 'reject',
  status: 'provisioning',
  chunks: 4,
  counts: { ...noRows, total: 1000, provisioned: 740, rejected: 10 },
  receivedAt: '2026-11-24T12:00:00.000Z',
  startedAt: '2026-11-24T12:00:00.000Z',
  lastPartAt: '2026-11-24T12:00:30.000Z',
};

test('a running job shows its rate and its remaining time', () => {
  const { percent, rowsPerSecond, remainingSeconds, counts } = jobView(job, new Date('2026-11-24T12:00:30.000Z'));
  assert.deepEqual(
    { percent, rowsPerSecond, remainingSeconds },
    { percent: 75, rowsPerSecond: 25, remainingSeconds: 10 },
  );
  assert.equal(counts.waiting, 250);
});

test('a job without progress for longer than its remaining time shows no remaining time', () => {
  const { remainingSeconds, lastProgressAt } = jobView(job, new Date('2026-11-24T12:01:30.000Z'));
  assert.equal(remainingSeconds, undefined);
  assert.equal(lastProgressAt, job.lastPartAt);
});

test('a job whose rows are all counted shows its end, although it was not written', () => {
  const counts = { ...noRows, total: 3, provisioned: 3 };
  const view = jobView({ ...job, counts }, new Date('2026-11-24T12:01:30.000Z'));
  assert.deepEqual([view.status, view.percent, view.finishedAt], ['completed', 100, job.lastPartAt]);
});

test('a job that is retried is provisioning, and its retried rows are not done', () => {
  const counts = { ...noRows, total: 4, provisioned: 2, failed: 2 };
  const retried: Job = { ...job, status: 'completedWithErrors', counts, retrying: 1, finishedAt: job.receivedAt };
  const view = jobView(retried, new Date('2026-11-24T12:01:30.000Z'));
  assert.deepEqual([view.status, view.percent, view.retrying, view.finishedAt], ['provisioning', 75, 1, undefined]);
});

test('a job shows no remaining time before its first rows and after its end', () => {
  const { lastPartAt: _, ...begun } = job;
  assert.equal(
    jobView({ ...begun, counts: { ...noRows, total: 10 } }, new Date(job.startedAt ?? 0)).remainingSeconds,
    undefined,
  );
  const ended: Job = {
    ...job,
    status: 'completed',
    counts: { ...noRows, total: 3, provisioned: 3 },
    finishedAt: job.receivedAt,
  };
  assert.equal(jobView(ended, new Date(job.receivedAt)).remainingSeconds, undefined);
});

test('a job shows its repairs, its warnings and the columns that were matched', () => {
  const renamed = [{ written: 'Device ID', read: 'deviceId' }];
  const shape = { format: 'csv', delimiter: ',', columns: ['deviceId'], renamed } as const;
  const view = jobView({ ...job, shape, repairs: { 'header-names': 1, 'leading-zeros': 2 } }, new Date(0));
  assert.deepEqual(view.repairs, { 'header-names': 1 });
  assert.deepEqual(view.warnings, { 'leading-zeros': 2 });
  assert.deepEqual(view.renamedColumns, renamed);
  // Jobs of before have no counts of repairs.
  assert.deepEqual(jobView(job, new Date(0)).repairs, {});
});
