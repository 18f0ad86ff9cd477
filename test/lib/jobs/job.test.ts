import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addOutcomes, createFaultCount, noOutcomes } from '../../../lib/jobs/check.ts';
import { inPlaceOf } from '../../../lib/jobs/dead-letters.ts';
import {
  archiveName,
  changedJob,
  currentStatus,
  endedAt,
  finalStatus,
  isFinished,
  isRetrying,
  isSettled,
  type Job,
  type JobStatus,
  jobIdOf,
  jobStatuses,
  noRows,
  partAttempt,
  partName,
  type RowCounts,
  reportName,
  tableName,
  waiting,
} from '../../../lib/jobs/job.ts';
import { jobStalled, withOwedEvents } from '../../../lib/jobs/job-events.ts';
import { type ManifestMetadata, readMetadata, writeMetadata } from '../../../lib/jobs/manifest-metadata.ts';
import { someLetter } from '../../contract/dead-letter-store.ts';
import { someJob, someTime } from '../../factories.ts';

const at = someTime.toISOString();
const counts = (change: Partial<RowCounts>): RowCounts => ({ ...noRows, ...change });
const job = (status: JobStatus, change: Partial<RowCounts> = {}, more: Partial<Job> = {}) =>
  someJob({ status, counts: counts(change), ...more });

describe('the rows of a job', () => {
  it('wait while they have no outcome', () => {
    assert.equal(waiting(counts({ total: 20 })), 20);
    for (const name of ['provisioned', 'unchanged', 'rejected', 'failed', 'cancelled', 'checked'] as const)
      assert.equal(waiting(counts({ total: 20, [name]: 3 })), 17, name);
  });

  it('say how it ends', () => {
    assert.equal(finalStatus(counts({ total: 2, provisioned: 1, unchanged: 1 })), 'completed');
    assert.equal(finalStatus(counts({ total: 1, rejected: 1 })), 'completedWithErrors');
    assert.equal(finalStatus(counts({ total: 1, failed: 1 })), 'completedWithErrors');
    assert.equal(finalStatus(counts({ total: 2, failed: 1, cancelled: 1 })), 'cancelled');
  });
});

describe('the status of a job', () => {
  const done = { total: 2, provisioned: 2 };
  const cases: readonly [what: string, job: Job, current: JobStatus, settled: boolean, ended: string | undefined][] = [
    ['before it is split', job('received'), 'received', false, undefined],
    ['with rows that wait', job('provisioning', { total: 2, provisioned: 1 }), 'provisioning', false, undefined],
    ['whose last write was lost', job('provisioning', done, { lastPartAt: 'then' }), 'completed', false, 'then'],
    ['that has ended', job('completed', done, { finishedAt: at, lastPartAt: 'then' }), 'completed', true, at],
    [
      'that is retried',
      job('completedWithErrors', { total: 2, failed: 2 }, { retrying: 1, finishedAt: at }),
      'provisioning',
      false,
      undefined,
    ],
    ['whose retry was counted first', job('completed', done, { retrying: -1, finishedAt: at }), 'completed', true, at],
    [
      'that was cancelled and is retried',
      job('cancelled', { total: 2, failed: 2 }, { retrying: 1, finishedAt: at }),
      'cancelled',
      false,
      undefined,
    ],
    [
      'that was cancelled with rows in work',
      job('cancelled', { total: 2, provisioned: 1 }),
      'cancelled',
      true,
      undefined,
    ],
    ['that failed as a whole', job('failed', {}, { finishedAt: at }), 'failed', true, at],
    [
      'that is checked',
      job('checked', { total: 1, checked: 1 }, { dryRun: true, finishedAt: at }),
      'checked',
      true,
      at,
    ],
    [
      'whose rows are checked, and not summed up',
      job('checking', { total: 1, checked: 1 }, { dryRun: true }),
      'checking',
      false,
      undefined,
    ],
  ];
  for (const [what, given, current, settled, ended] of cases) {
    it(`of one ${what} is ${current}`, () =>
      assert.deepEqual([currentStatus(given), isSettled(given), endedAt(given)], [current, settled, ended]));
  }

  it('is an end or not', () => {
    const ends = jobStatuses.filter(isFinished);
    assert.deepEqual(ends, ['completed', 'completedWithErrors', 'failed', 'cancelled', 'checked']);
    assert.deepEqual([isRetrying({}), isRetrying({ retrying: 0 }), isRetrying({ retrying: 1 })], [false, false, true]);
  });
});

describe('the names of the parts of a job', () => {
  it('sort by chunk, and tell retries and enrollments', () => {
    assert.deepEqual(
      [partName(3, 1), partName(3, 2), partName(12, 1, 'enrollments'), partName(3, 4, 'enrollments')],
      ['chunk-00003', 'chunk-00003-retry-2', 'chunk-00012-enrollments', 'chunk-00003-enrollments-retry-4'],
    );
    assert.deepEqual(['chunk-00003', 'chunk-00003-retry-12', 'x-retry-2-y'].map(partAttempt), [1, 12, 1]);
    assert.deepEqual(
      [archiveName('j', 'p'), reportName('j', 'p'), tableName('j')],
      ['j/p.zip', 'j/p.json', 'j/table.csv'],
    );
  });

  it('begin with the id that its uploader knows', () => {
    const id = jobIdOf({ blob: 'line7/list.csv', etag: '1' });
    assert.match(id, /^[0-9a-f]{24}$/);
    assert.notEqual(jobIdOf({ blob: 'line7/list.csv', etag: '2' }), id);
    assert.notEqual(jobIdOf({ blob: 'line7/other.csv', etag: '1' }), id);
  });

  it('change with the job, whose counters stay unless its total is known', () => {
    const before = job('splitting', { failed: 1 });
    assert.deepEqual(changedJob(before, { status: 'provisioning' }).counts, before.counts);
    const { status, counts: after } = changedJob(before, { status: 'provisioning', total: 5 });
    assert.deepEqual([status, after.total, after.failed], ['provisioning', 5, 1]);
  });
});

describe('the events that a job owes', () => {
  const types = ({ outbox = [] }: Job) => outbox.map(({ type }) => type);
  const order = (status: JobStatus, more: Partial<Job> = {}) =>
    job(status, {}, { source: 'order', name: 'PO-1', ...more });

  it('say that an order was accepted, or refused, and nothing of other jobs', () => {
    assert.deepEqual(types(withOwedEvents(undefined, order('received'))), ['fleet.order.accepted']);
    assert.deepEqual(types(withOwedEvents(undefined, order('failed'))), ['fleet.order.refused', 'fleet.job.ended']);
    assert.deepEqual(types(withOwedEvents(undefined, job('received'))), []);
    assert.deepEqual(types(withOwedEvents(undefined, job('failed'))), ['fleet.job.ended']);
    assert.deepEqual(types(withOwedEvents(undefined, order('received', { dryRun: true }))), []);
  });

  it('say that a job ended, and of an order alone that it is finished', () => {
    const done = { total: 1, provisioned: 1 };
    for (const more of [{}, { source: 'order', name: 'PO-1', dryRun: true }] as const) {
      const ended = withOwedEvents(job('provisioning', { total: 1 }, more), job('completed', done, more));
      assert.deepEqual(types(ended), ['fleet.job.ended']);
    }
  });

  it('say how it ended, once per end, with the quantities of an order', () => {
    const running = order('provisioning');
    const end = { total: 6, provisioned: 1, unchanged: 1, rejected: 1, failed: 2, cancelled: 1 };
    const ended = withOwedEvents(running, {
      ...{
        ...running,
        status: 'cancelled',
        counts: counts(end),
        finishedAt: at,
        cancelledBy: { by: 'Ann', at: 'then' },
      },
      reasons: { codes: [{ code: 'gave-up', rows: 2 }], complete: false },
    });
    assert.deepEqual(types(ended), ['fleet.job.ended', 'fleet.order.finished']);
    const [jobEnded, finished] = ended.outbox ?? [];
    assert.deepEqual(finished?.data['quantities'], { ordered: 6, good: 2, rejected: 3, cancelled: 1, retryable: 2 });
    assert.deepEqual([jobEnded?.subject, finished?.subject], [`jobs/${running.jobId}`, 'orders/PO-1']);
    assert.deepEqual([jobEnded?.data['revision'], jobEnded?.data['reasonsComplete'], jobEnded?.time], [1, false, at]);
    assert.deepEqual(jobEnded?.data['reasons'], [{ code: 'gave-up', rows: 2 }]);
    assert.equal(withOwedEvents(ended, ended), ended);
    const silent = withOwedEvents(ended, { ...ended, lastPartAt: 'later' });
    assert.equal(silent.outbox?.length, 2);
    // A retry: it is at work again, and its next end is another revision.
    const { outbox: _outbox, owedSince: _owedSince, ...sent } = ended;
    const again = withOwedEvents(sent, { ...sent, status: 'completedWithErrors', retrying: 1 });
    assert.deepEqual(again.end, { revision: 1 });
    const second = withOwedEvents(again, {
      ...again,
      retrying: 0,
      counts: counts({ total: 6, provisioned: 6 }),
      status: 'completed',
    });
    assert.deepEqual([second.end?.revision, types(second)], [2, ['fleet.job.ended', 'fleet.order.finished']]);
  });

  it('say nothing of a cancelled job while rows of it are in work', () => {
    const running = job('provisioning', { total: 2 });
    const cancelled = withOwedEvents(running, { ...running, status: 'cancelled' });
    assert.deepEqual([types(cancelled), cancelled.end], [[], undefined]);
  });

  it('have the time at which it ended: written, cancelled, counted, or received', () => {
    const timeOf = (more: Partial<Job>) => withOwedEvents(job('received'), job('failed', {}, more)).outbox?.[0]?.time;
    const cancelledBy = { by: 'Ann', at: 'cancelled' };
    assert.equal(timeOf({ finishedAt: 'end', cancelledBy, lastPartAt: 'part' }), 'end');
    assert.equal(timeOf({ cancelledBy, lastPartAt: 'part' }), 'cancelled');
    assert.equal(timeOf({ lastPartAt: 'part' }), 'part');
    assert.equal(timeOf({}), at);
  });

  it('of a standstill are one per standstill', () => {
    const stalled = (since: string) => jobStalled(job('provisioning'), { since, waiting: 3 }, someTime);
    assert.equal(stalled('a').id, stalled('a').id);
    assert.notEqual(stalled('a').id, stalled('b').id);
    assert.deepEqual([stalled('a').data.waiting, stalled('a').data.since, stalled('a').time], [3, 'a', at]);
  });
});

describe('a dead letter in the place of an earlier one', () => {
  const letter = (...ids: readonly string[]) => ({
    ...someLetter('a', 'orders'),
    ...{ outbox: ids.map((id) => ({ id, time: at })) as never, owedSince: at },
  });
  const announced = (before?: readonly string[], ...ids: readonly string[]) =>
    inPlaceOf(letter(...ids), before && ({ ...someLetter('a', 'orders'), times: 1, announced: before } as never)) as {
      announced?: readonly string[];
      outbox?: readonly { id: string }[];
      owedSince?: string;
    };

  it('owes no event that was owed before, and remembers the latest 20', () => {
    assert.deepEqual(announced(undefined, 'e').announced, ['e']);
    const again = announced(['e'], 'e');
    assert.deepEqual([again.outbox, again.owedSince, again.announced], [undefined, undefined, ['e']]);
    assert.deepEqual(
      announced(['e'], 'e', 'f').outbox?.map(({ id }) => id),
      ['f'],
    );
    const many = Array.from({ length: 20 }, (_, index) => String(index));
    assert.deepEqual(announced(many, 'new').announced, [...many.slice(1), 'new']);
    const { outbox: _outbox, ...quiet } = letter();
    assert.ok(!Object.hasOwn(inPlaceOf(quiet, undefined), 'announced'));
  });
});

describe('the metadata of a manifest', () => {
  it('says what it was given, in ASCII', () => {
    const given = {
      ...{ onConflict: 'replace', adopt: true, dryRun: true, check: `sha256:${'a'.repeat(64)}`, orderId: 'Größe 7' },
      ...{ reference: { line: 'ä' }, allowedGroups: ['line7', 'line8'] },
    } as const satisfies ManifestMetadata;
    const written = writeMetadata({ ...given, orderDigest: 'd' });
    for (const value of Object.values(written)) assert.match(value, /^[ -~]+$/);
    assert.deepEqual(readMetadata(written), given);
    assert.equal(written['orderdigest'], 'd');
  });

  it('has nothing that was not given', () => {
    assert.deepEqual(writeMetadata({}), { onconflict: 'reject' });
    assert.deepEqual(writeMetadata({ adopt: false, dryRun: false }), { onconflict: 'reject' });
    assert.deepEqual(readMetadata({}), {});
    assert.deepEqual(readMetadata({ adopt: 'false', dryrun: ' FALSE ' }), {});
  });

  for (const [name, value] of [
    ['adopt', 'yes'],
    ['check', 'sha256:00'],
    ['check', `x${'sha256:'}${'a'.repeat(64)}`],
    ['orderid', 'a b'],
    ['orderid', '_w'],
    ['orderreference', Buffer.from('[1]').toString('base64url')],
    ['orderreference', Buffer.from('{').toString('base64url')],
  ] as const) {
    it(`is refused with ${name}=${value}`, () => {
      const { refusal, ...rest } = readMetadata({ [name]: value });
      assert.equal(refusal?.code, 'manifest-metadata');
      assert.deepEqual(rest, {});
    });
  }

  it('takes no ids as a limit to no group', () => {
    assert.deepEqual(readMetadata({ allowedgroups: '' }), { allowedGroups: [''] });
    assert.deepEqual(readMetadata({ AllowedGroups: ' Line7 ,line8' }).allowedGroups, ['line7', 'line8']);
  });
});

describe('what a check shows', () => {
  it('of its rows adds up outcome by outcome', () => {
    const one = { new: 1, unchanged: 2, replaced: 3, reissued: 4, refused: 5 };
    assert.deepEqual(addOutcomes(addOutcomes(noOutcomes, one), one), {
      new: 2,
      unchanged: 4,
      replaced: 6,
      reissued: 8,
      refused: 10,
    });
  });

  it('of its faults are the first five per code, and the most frequent codes first', () => {
    const faults = createFaultCount();
    const fault = (code: string, line: number, message = 'No.') => ({ code, line, message, source: '' }) as never;
    faults.add([fault('value-type', 2), ...[3, 4, 5, 6, 7, 8].map((line) => fault('device-id-invalid', line))]);
    faults.add([fault('group-unknown', 9)]);
    const [most, second, third] = faults.groups();
    assert.deepEqual(
      [most?.code, most?.rows, most?.first.map(({ line }) => line)],
      ['device-id-invalid', 6, [3, 4, 5, 6, 7]],
    );
    assert.deepEqual([second?.code, third?.code], ['value-type', 'group-unknown']);
    const long = createFaultCount();
    long.add([fault('value-type', 2, 'x'.repeat(400)), fault('value-type', 3, 'x'.repeat(401))]);
    assert.deepEqual(
      long.groups()[0]?.first.map(({ message }) => message),
      ['x'.repeat(400), `${'x'.repeat(397)}...`],
    );
  });
});
