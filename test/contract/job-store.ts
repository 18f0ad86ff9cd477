import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Job,
  type JobFilter,
  type JobStore,
  jobStatuses,
  type Part,
  partName,
  waiting,
} from '../../lib/jobs/job.ts';
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

    it('adds the events that a job owes to the write that makes them so, once', async () => {
      const store = await open();
      const job = newJob({ source: 'order', name: 'PO-1', status: 'provisioning', counts: { ...nothing, total: 2 } });
      await store.create(job);
      const typesOf = (read: Job | undefined) => read?.outbox?.map(({ type }) => type);
      assert.deepEqual(typesOf(await store.read(job.jobId)), ['fleet.order.accepted']);
      await store.count(job.jobId, somePart(0, { provisioned: 1, failed: 1 }));
      const end = { status: 'completedWithErrors', finishedAt: someTime.toISOString() } as const;
      await store.update(job.jobId, ['provisioning'], end);
      const read = await store.readVersion(job.jobId);
      assert.ok(read);
      const all = ['fleet.order.accepted', 'fleet.job.ended', 'fleet.order.finished'];
      assert.deepEqual([typesOf(read.value), read.value.end?.revision], [all, 1]);
      assert.equal(read.value.owedSince, job.receivedAt);
      // The same end again, and then a retry.
      const again = await store.updateVersion(read, end);
      assert.deepEqual([typesOf(again), again?.end?.revision], [all, 1]);
      await store.update(job.jobId, ['completedWithErrors'], { status: 'provisioning', retrying: 1 });
      await store.count(job.jobId, { ...somePart(1, { provisioned: 1, failed: -1 }), retried: 1 });
      const ended = await store.update(job.jobId, ['provisioning'], { ...end, status: 'completed' });
      assert.deepEqual([typesOf(ended)?.slice(3), ended?.end?.revision], [all.slice(1), 2]);
    });

    it('keeps the serial number that a part fixed first for a device, and adds others', async () => {
      const store = await open();
      const { jobId } = newJob();
      assert.equal(await store.claimed(jobId, 'chunk-00000'), undefined);
      const first = await store.claim(jobId, 'chunk-00000', new Map([['gw-1', 'a1']]));
      assert.deepEqual(first, { serialNumbers: new Map([['gw-1', 'a1']]), hasPriorClaims: false });
      const wanted = new Map([
        ['gw-1', 'b1'],
        ['__proto__', 'b2'],
      ]);
      const both = new Map([
        ['gw-1', 'a1'],
        ['__proto__', 'b2'],
      ]);
      const again = await store.claim(jobId, 'chunk-00000', wanted);
      assert.deepEqual(again, { serialNumbers: both, hasPriorClaims: true });
      assert.deepEqual(await store.claimed(jobId, 'chunk-00000'), both);
      assert.deepEqual(await store.claim(jobId, 'chunk-00000', wanted), again);
      assert.equal(await store.claimed(jobId, 'chunk-00001'), undefined);
      assert.deepEqual(await Array.fromAsync(store.parts(jobId)), []);
    });

    it('adds the serial numbers of deliveries that meet, and each gets the same', async () => {
      const store = await open();
      const { jobId } = newJob();
      const deliveries = await Promise.all(
        ['a', 'b', 'c'].map((name) =>
          store.claim(
            jobId,
            'chunk-00000',
            new Map([
              ['gw-1', `${name}1`],
              [`gw-${name}`, `${name}2`],
            ]),
          ),
        ),
      );
      const stored = await store.claimed(jobId, 'chunk-00000');
      assert.deepEqual([...(stored?.keys() ?? [])].sort(), ['gw-1', 'gw-a', 'gw-b', 'gw-c']);
      for (const { serialNumbers } of deliveries) assert.equal(serialNumbers.get('gw-1'), stored?.get('gw-1'));
      assert.equal(deliveries.filter(({ hasPriorClaims }) => !hasPriorClaims).length, 1);
    });

    it('lists jobs that are not settled, in pages', async () => {
      const store = await open();
      const receivedAt = (minute: number) => `2031-01-01T00:0${minute}:00.000Z`;
      const open3 = [0, 1, 2].map((minute) => newJob({ receivedAt: receivedAt(minute) }));
      const ended = newJob({
        status: 'completed',
        counts: { ...nothing, total: 1, provisioned: 1 },
        receivedAt: receivedAt(3),
      });
      for (const job of [...open3, ended]) await store.create(job);
      const first = await store.unsettled({ size: 2 });
      assert.deepEqual(
        first.items.map(({ jobId }) => jobId),
        [open3[2]?.jobId, open3[1]?.jobId],
      );
      const second = await store.unsettled({ size: 1, continuation: first.continuation });
      assert.deepEqual(
        second.items.map(({ jobId }) => jobId),
        [open3[0]?.jobId],
      );
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

    it('deletes jobs that ended before a time, with their parts and claims, the oldest first', async () => {
      const store = await open();
      const at = (year: number) => `${year}-01-01T00:00:00.000Z`;
      // Cancelled with rows that wait: it is settled, and owes no event.
      const counts = { ...nothing, total: 2 };
      const ended = (year: number, finishedAt = at(year)) =>
        newJob({ status: 'cancelled', counts, receivedAt: at(year), finishedAt });
      const [first, second, retried] = [ended(1971), ended(1972), ended(1973, at(1999))];
      const working = newJob({ status: 'provisioning', receivedAt: at(1970) });
      const owing = newJob({ status: 'completed', receivedAt: at(1970), finishedAt: at(1970) });
      for (const job of [first, second, retried, working, owing]) await store.create(job);
      const isThere = async ({ jobId }: Job) => (await store.read(jobId)) !== undefined;
      await store.count(first.jobId, { ...somePart(0, {}), finishedAt: at(1971) });
      await store.update(first.jobId, ['cancelled'], { status: 'cancelled', finishedAt: at(1971) });
      await store.claim(first.jobId, 'chunk-00000', new Map([['gw-1', '01']]));
      assert.equal(await store.removeEnded(at(1971), 10), 0, 'before, and not at that time');
      assert.equal(await store.removeEnded(at(1980), 1), 1);
      assert.deepEqual([await isThere(first), await isThere(second)], [false, true]);
      assert.deepEqual(await Array.fromAsync(store.parts(first.jobId)), []);
      assert.equal(await store.claimed(first.jobId, 'chunk-00000'), undefined);
      assert.equal(await store.removeEnded(at(1980), 10), 1);
      assert.equal(await store.removeEnded(at(1980), 10), 0);
      assert.deepEqual([await isThere(second), await isThere(retried), await isThere(working)], [false, true, true]);
      assert.ok(await isThere(owing), 'its end is not announced yet');
      assert.equal(await store.create(first), true);
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

    it('reads parts from a name on', async () => {
      const store = await open();
      const job = newJob({ status: 'provisioning', counts: { ...nothing, total: 3 } });
      await store.create(job);
      for (const chunk of [2, 0, 1]) await store.count(job.jobId, somePart(chunk, { provisioned: 1 }));
      const parts = await Array.fromAsync(store.parts(job.jobId, partName(1, 1)));
      assert.deepEqual(
        parts.map(({ chunk }) => chunk),
        [1, 2],
      );
    });

    /** Jobs of one minute, which no other test uses. */
    const minute = () => {
      // A whole minute, so that it is within one hour.
      const start = Date.UTC(2040, 0, 1) + 3_600_000 * made++ + (Date.now() % 10_000_000) * 60_000;
      const at = (seconds: number) => new Date(start + 1000 * seconds).toISOString();
      return { at, since: at(0), until: at(60) };
    };
    const listed = async (store: JobStore, filter: JobFilter, size = 100): Promise<string[]> => {
      const found: string[] = [];
      let continuation: string | undefined;
      do {
        const page = await store.list({ ...filter, size, continuation });
        assert.ok(page.items.length <= size);
        found.push(...page.items.map(({ name: jobName }) => jobName));
        continuation = page.continuation;
      } while (continuation !== undefined);
      return found;
    };

    it('lists jobs by source and by the time at which they were received', async () => {
      const store = await open();
      const { at, since, until } = minute();
      await store.create(newJob({ name: 'first', source: 'http', receivedAt: at(0) }));
      await store.create(newJob({ name: 'second', source: 'order', receivedAt: at(30) }));
      await store.create(newJob({ name: 'third', source: 'http', receivedAt: at(60) }));
      assert.deepEqual(await listed(store, { since, until }), ['second', 'first']);
      assert.deepEqual(await listed(store, { since: at(30), until: at(61) }, 1), ['third', 'second']);
      assert.deepEqual(await listed(store, { since, until: at(61), source: 'http' }, 1), ['third', 'first']);
      assert.deepEqual(await listed(store, { since, until, source: 'blob' }), []);
    });

    it('lists and counts jobs by their current status, also where the stored one is late', async () => {
      const store = await open();
      const { at, since, until } = minute();
      const total = { ...nothing, total: 2 };
      const running = (jobName: string, change: Partial<Job> = {}) =>
        newJob({ name: jobName, status: 'provisioning', counts: total, receivedAt: at(made % 60), ...change });
      const created = async (job: Job) => {
        await store.create(job);
        return job.jobId;
      };
      await created(running('new', { status: 'received', counts: { ...nothing, total: 0 } }));
      await created(running('runs'));
      const counted = await created(running('all counted, worker died'));
      await store.count(counted, somePart(0, { provisioned: 2 }));
      const faulty = await created(running('counted with errors, worker died'));
      await store.count(faulty, somePart(0, { provisioned: 1, rejected: 1 }));
      const ended = await created(running('ended'));
      await store.count(ended, somePart(0, { failed: 2 }));
      await store.update(ended, ['provisioning'], { status: 'completedWithErrors', finishedAt: at(50) });
      const retried = await created(running('retried'));
      await store.count(retried, somePart(0, { failed: 2 }));
      await store.update(retried, ['provisioning'], { status: 'completedWithErrors', finishedAt: at(50) });
      const version = (await store.readVersion(retried)) ?? assert.fail();
      await store.updateVersion(version, { retrying: 2 });
      const repaired = await created(running('retry counted, worker died'));
      await store.count(repaired, somePart(0, { failed: 2 }));
      await store.update(repaired, ['provisioning'], { status: 'completedWithErrors', finishedAt: at(50) });
      await store.count(repaired, { ...somePart(1, { provisioned: 2, failed: -2 }), retried: 0 });
      const failed = await created(running('failed', { counts: { ...nothing, total: 0 } }));
      await store.update(failed, ['provisioning'], { status: 'failed', finishedAt: at(50) });
      const stopped = await created(running('cancelled'));
      await store.update(stopped, ['provisioning'], { status: 'cancelled', finishedAt: at(50) });

      const by = async (...status: Job['status'][]) => (await listed(store, { since, until, status }, 2)).sort();
      assert.deepEqual(await by('received', 'splitting'), ['new']);
      assert.deepEqual(await by('provisioning'), ['retried', 'runs']);
      assert.deepEqual(await by('completed'), ['all counted, worker died', 'retry counted, worker died']);
      assert.deepEqual(await by('completedWithErrors'), ['counted with errors, worker died', 'ended']);
      assert.deepEqual(await by('failed'), ['failed']);
      assert.deepEqual(await by('cancelled'), ['cancelled']);
      assert.equal((await by(...jobStatuses)).length, 9);

      const { value } = await store.countByStatus(since);
      const hour = since.slice(0, 13);
      const ours = value.filter((each) => each.hour === hour);
      assert.deepEqual(Object.fromEntries(ours.map(({ status, jobs }) => [status, jobs])), {
        ...{ received: 1, provisioning: 2, completed: 2, completedWithErrors: 2, failed: 1, cancelled: 1 },
      });
    });

    it('counts jobs apart by their limit to enrollment groups, and running ones of any age', async () => {
      const store = await open();
      const { since } = minute();
      const hour = since.slice(0, 13);
      const end = { status: 'failed', receivedAt: since } as const;
      await store.create(newJob({ ...end, allowedGroups: ['b', 'a'] }));
      await store.create(newJob({ ...end, allowedGroups: ['a', 'b'] }));
      await store.create(newJob({ ...end, allowedGroups: [] }));
      await store.create(newJob(end));
      await store.create(newJob({ status: 'splitting', receivedAt: since, allowedGroups: ['a'] }));
      const counted = async (from: string) => {
        const { value } = await store.countByStatus(from);
        const ours = value.filter((each) => each.hour === hour);
        return ours.map(({ status, allowedGroups, jobs }) => `${status} ${allowedGroups?.join('+')} ${jobs}`).sort();
      };
      assert.deepEqual(await counted(since), ['failed  1', 'failed a+b 2', 'failed undefined 1', 'splitting a 1']);
      assert.deepEqual(await counted('2999-01-01T00:00:00.000Z'), ['splitting a 1']);
    });
  });
}
