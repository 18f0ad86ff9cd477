import assert from 'node:assert/strict';
import { describe, it, type TestContext, test } from 'node:test';
import type { Container } from '@azure/cosmos';
import { containerDefinitions } from '../../../lib/azure/cosmos.ts';
import { createCosmosJobStore } from '../../../lib/azure/cosmos-jobs.ts';
import { noRows } from '../../../lib/jobs/job.ts';
import { someJob, someTime } from '../../factories.ts';
import { startCosmos } from '../../infra/emulators/cosmos/start-cosmos.ts';

const request = containerDefinitions.find(({ id }) => id === 'jobs');

test('jobs of earlier versions, without indexed status, are listed and counted by their current status', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make(request);
  const store = createCosmosJobStore(container);
  const counts = { total: 2, provisioned: 2, unchanged: 0, rejected: 0, failed: 0, cancelled: 0 };
  const late = someJob({ jobId: '1'.repeat(24), status: 'provisioning', counts });
  const failed = someJob({ jobId: '2'.repeat(24), status: 'failed' });
  for (const job of [late, failed]) {
    await container.items.create({ ...job, id: 'job', type: 'job', listKey: `${job.receivedAt}~${job.jobId}` });
  }
  const listed = async (status: 'completed' | 'provisioning' | 'failed') =>
    (await store.list({ size: 10, status: [status] })).items;
  assert.deepEqual(await listed('completed'), [late]);
  assert.deepEqual(await listed('provisioning'), []);
  assert.deepEqual(await listed('failed'), [failed]);
  const since = '2026-01-01T00:00:00.000Z';
  const hour = '2026-11-23T08';
  const { value, requestUnits } = await store.countByStatus(since);
  const sorted = value.toSorted((a, b) => (a.status < b.status ? -1 : 1));
  assert.deepEqual(sorted, [
    { status: 'completed', hour, jobs: 1 },
    { status: 'failed', hour, jobs: 1 },
  ]);
  assert.ok(requestUnits > 0);
  // Once it changes, it is found by the index.
  await store.update(late.jobId, ['provisioning'], { status: 'completed', finishedAt: late.receivedAt });
  const { resource } = await container.item('job', late.jobId).read();
  assert.equal(resource.listStatus, 'completed');
  assert.deepEqual((await listed('completed'))[0]?.jobId, late.jobId);
});

test('a page of jobs by status reads at most 1,000 jobs whose status must be read', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make(request);
  const store = createCosmosJobStore(container);
  for (let index = 0; index < 1_010; index++) {
    await store.create(someJob({ jobId: String(index).padStart(24, '0'), status: 'splitting' }));
  }
  const first = await store.list({ size: 500, status: ['completed'] });
  assert.deepEqual(first.items, []);
  assert.ok(first.continuation !== undefined);
  assert.deepEqual(await store.list({ size: 500, status: ['completed'], continuation: first.continuation }), {
    items: [],
  });
});

describe('a part that is counted', () => {
  const part = {
    part: 'chunk-00000',
    chunk: 0,
    finishedAt: someTime.toISOString(),
    outcome: { ...noRows, provisioned: 2 },
  };

  /** A store with one job, whose first batches are answered as a test says. */
  async function someStore(t: TestContext, ...answers: readonly object[]) {
    const { container: make } = await startCosmos(t);
    const container = await make(request);
    const { batch } = container.items;
    let batches = 0;
    container.items.batch = ((...given: Parameters<typeof batch>) => {
      const answer = answers[batches++];
      return answer === undefined ? batch.apply(container.items, given) : Promise.resolve(answer);
    }) as typeof batch;
    const store = createCosmosJobStore(container);
    const job = someJob();
    await store.create(job);
    const provisioned = async () => (await store.read(job.jobId))?.counts.provisioned;
    return { store, provisioned, count: () => store.count(job.jobId, part), batches: () => batches };
  }

  const each = (...statuses: readonly number[]) => ({
    code: 207,
    result: statuses.map((statusCode) => ({ statusCode })),
  });
  /** The whole batch, its first operation, and its last one. */
  const answeredWith = (status: number) => [
    { code: status, result: [] },
    { code: status },
    each(status, 424),
    each(424, status),
  ];

  it('is counted at the next try when it met another writer', async (t) => {
    const { count, provisioned, batches } = await someStore(t, ...answeredWith(449));
    assert.equal((await count()).counts.provisioned, 2);
    assert.deepEqual([await provisioned(), batches()], [2, 5]);
  });

  it('fails as throttled, and is not counted', async (t) => {
    const answers = answeredWith(429);
    const { count, provisioned, batches } = await someStore(t, ...answers);
    for (const _ of answers) await assert.rejects(count(), { code: 'throttled', details: { retryAfter: 1 } });
    assert.deepEqual([await provisioned(), batches()], [0, answers.length]);
    assert.equal((await count()).counts.provisioned, 2);
  });

  it('fails as unavailable when its batch ends in the middle, and is not counted', async (t) => {
    const { count, provisioned, batches } = await someStore(t, each(424, 400), each(400, 424));
    for (const _ of [1, 2]) await assert.rejects(count(), { code: 'unavailable', message: /chunk-00000.*status 207/ });
    assert.deepEqual([await provisioned(), batches()], [0, 2]);
  });

  it('of a job that is not there is unavailable, and leaves no document', async (t) => {
    const { store } = await someStore(t);
    const jobId = 'f'.repeat(24);
    await assert.rejects(store.count(jobId, part), { code: 'unavailable' });
    assert.deepEqual(await store.readWithPart(jobId, part.part), { job: undefined, part: undefined });
  });

  it('is given up when it meets other writers again and again', async (t) => {
    const { count, batches } = await someStore(t, ...Array.from({ length: 40 }, () => each(449, 424)));
    await assert.rejects(count(), { code: 'concurrent-change' });
    assert.equal(batches(), 20);
  });
});

describe('a job that changes', () => {
  it('between read and write is read again, and both changes stay', async (t) => {
    const { container: make } = await startCosmos(t);
    const container = await make(request);
    const [store, other] = [createCosmosJobStore(container), createCosmosJobStore(container)];
    const { jobId } = someJob();
    await store.create(someJob());
    const { item } = container;
    let reads = 0;
    const meanwhile = async () =>
      void (await other.update(jobId, ['received'], { startedAt: '2026-11-23T08:00:01.000Z' }));
    container.item = ((...given: Parameters<typeof item>) => {
      const found = item.apply(container, given);
      const { patch } = found;
      found.patch = (async (...change: Parameters<typeof patch>) => {
        if (++reads === 1) await meanwhile();
        return patch.apply(found, change);
      }) as typeof patch;
      return found;
    }) as typeof item;
    const updated = await store.update(jobId, ['received'], { status: 'splitting' });
    assert.deepEqual([updated?.status, updated?.startedAt], ['splitting', '2026-11-23T08:00:01.000Z']);
  });

  it('under each write is given up', async () => {
    const read = async () => ({ resource: { ...someJob(), _etag: '"1"' } });
    let patches = 0;
    const patch = async () => {
      patches += 1;
      throw Object.assign(new Error('precondition'), { code: 412 });
    };
    const store = createCosmosJobStore({ item: () => ({ read, patch }) } as unknown as Container);
    const { jobId } = someJob();
    await assert.rejects(store.update(jobId, ['received'], { status: 'splitting' }), { code: 'concurrent-change' });
    assert.equal(patches, 20);
  });

  it('or is deleted since it was read is not written, and that is said', async (t) => {
    const { container: make } = await startCosmos(t);
    const container = await make(request);
    const store = createCosmosJobStore(container);
    const { jobId } = someJob();
    await store.create(someJob());
    const read = await store.readVersion(jobId);
    assert.ok(read);
    await container.item('job', jobId).delete();
    assert.equal(await store.updateVersion(read, { retrying: 1 }), undefined);
    assert.equal(await store.update(jobId, ['received'], { retrying: 1 }), undefined);
  });
});

describe('a job that is being deleted', () => {
  // Cancelled with rows that wait: it is settled, and owes no event.
  const counts = { ...noRows, total: 2 };
  const settled = someJob({ jobId: '3'.repeat(24), status: 'cancelled', counts, finishedAt: someTime.toISOString() });
  const after = '2030-01-01T00:00:00.000Z';
  const part = { part: 'chunk-00000', chunk: 0, finishedAt: someTime.toISOString(), outcome: noRows };

  /** A store whose job was marked, and of which the deletion was cut short. */
  async function cutShort(t: TestContext) {
    const { container: make } = await startCosmos(t);
    const container = await make(request);
    const store = createCosmosJobStore(container);
    await store.create(settled);
    await store.count(settled.jobId, part);
    await container.item('job', settled.jobId).patch([{ op: 'set', path: '/listStatus', value: 'removing' }]);
    return { store, container };
  }

  it('is not there for any reader, so nobody takes it up without its parts', async (t) => {
    const { store } = await cutShort(t);
    const { jobId } = settled;
    assert.equal(await store.read(jobId), undefined);
    assert.equal(await store.readVersion(jobId), undefined);
    assert.equal((await store.readWithPart(jobId, part.part)).job, undefined);
    assert.equal(await store.update(jobId, ['cancelled'], { status: 'provisioning' }), undefined);
    assert.deepEqual((await store.list({ size: 10 })).items, []);
    assert.deepEqual((await store.list({ size: 10, status: ['cancelled'] })).items, []);
    assert.deepEqual((await store.unsettled({ size: 10 })).items, []);
    assert.deepEqual((await store.countByStatus('2020-01-01T00:00:00.000Z')).value, []);
  });

  it('is deleted by the next call, with every document of its partition', async (t) => {
    const { store, container } = await cutShort(t);
    assert.equal(await store.removeEnded(after, 10), 1);
    const { resources } = await container.items.query('SELECT VALUE c.id FROM c').fetchAll();
    assert.deepEqual(resources, []);
  });

  it('stays when a retry begins between the look and the mark', async (t) => {
    const { container: make } = await startCosmos(t);
    const container = await make(request);
    const store = createCosmosJobStore(container);
    await store.create(settled);
    const item = container.item.bind(container);
    const meddling = Object.assign(Object.create(container) as Container, {
      item(id: string, partition: string) {
        const real = item(id, partition);
        return Object.assign(Object.create(real), {
          async patch(...given: Parameters<typeof real.patch>) {
            await store.update(settled.jobId, ['cancelled'], { retrying: 1 });
            return real.patch(...given);
          },
        });
      },
    });
    assert.equal(await createCosmosJobStore(meddling).removeEnded(after, 10), 0);
    assert.equal((await store.read(settled.jobId))?.retrying, 1);
  });
});
