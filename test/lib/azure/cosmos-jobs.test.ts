import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerDefinitions } from '../../../lib/azure/cosmos.ts';
import { createCosmosJobStore } from '../../../lib/azure/cosmos-jobs.ts';
import { someJob } from '../../factories.ts';
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
