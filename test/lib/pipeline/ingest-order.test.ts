import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job } from '../../../lib/jobs/job.ts';
import { sourceOf } from '../../../lib/orders/cloud-event.ts';
import { parseOrder } from '../../../lib/orders/order.ts';
import { ingestOrder } from '../../../lib/pipeline/ingest-order.ts';
import { createWorld, type World } from '../../world.ts';

const body = {
  orderId: 'PO 4711/ä',
  enrollmentGroup: 'line7',
  range: { prefix: 'gw-', start: 1, count: 7, width: 3 },
};

const send = (world: World, order: unknown) => ingestOrder(parseOrder(order), world.services());

/** Announces the manifest that an order became, as storage does. */
function announce(world: World, { blob, etag }: { blob: string; etag: string }): void {
  world.announce({ blobName: blob, etag }, world.manifests.blobs.get(blob)?.length ?? 0);
}

describe('an order', () => {
  it('becomes a job, and its devices are provisioned', async () => {
    using world = createWorld({ chunkRows: 5 });
    await world.declare('line7', { keyCustody: 'plain' });
    const { jobId, manifest, source, name } = await send(world, body);
    assert.deepEqual([source, name], ['order', body.orderId]);
    assert.match(manifest.blob, /^_orders\/[0-9a-f]{40}\.ndjson$/);
    announce(world, manifest);
    await world.settle();
    const job = await world.job(jobId);
    assert.deepEqual([job.status, job.source, job.name], ['completed', 'order', body.orderId]);
    assert.equal(job.counts.provisioned, 7);
    assert.equal(world.devices.records.get('gw-007')?.status, 'provisioned');
  });

  it('with dryRun is checked, does not use up its id, and can be checked again', async () => {
    using world = createWorld({ chunkRows: 5 });
    await world.declare('line7', { keyCustody: 'device' });
    const check = async () => {
      const { jobId, manifest } = await send(world, { ...body, dryRun: true });
      announce(world, manifest);
      await world.settle();
      return world.job(jobId);
    };
    const first = await check();
    assert.deepEqual([first.status, first.source, first.name, first.dryRun], ['checked', 'order', body.orderId, true]);
    assert.deepEqual(
      first.check?.faults.map(({ code, rows }) => [code, rows]),
      [['csr-missing', 7]],
    );
    await world.declare('line7', { keyCustody: 'plain' });
    const second = await check();
    assert.notEqual(second.jobId, first.jobId);
    assert.equal(second.check?.outcomes.new, 7);
    assert.equal(world.devices.records.size, 0);

    const { jobId, manifest } = await send(world, { ...body, dryRun: false });
    announce(world, manifest);
    await world.settle();
    assert.equal((await world.job(jobId)).counts.provisioned, 7);
    assert.equal((await send(world, body)).jobId, jobId);
  });

  it('is recorded with the source of its first envelope, also when its event came first', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const event = { specversion: '1.0', id: '1', source: '/erp', type: 'order', data: body };
    const services = world.services();
    const eventFirst = {
      ...services.jobs,
      create: async (job: Job) => {
        const { submittedBy: _, ...byEvent } = job;
        await services.jobs.create(byEvent);
        return services.jobs.create(job);
      },
    };
    const order = parseOrder(event);
    const { jobId } = await ingestOrder(order, { ...services, jobs: eventFirst }, sourceOf(event));
    await ingestOrder(order, services, sourceOf({ ...event, source: '/another' }));
    assert.equal((await world.job(jobId)).submittedBy?.by, 'order from /erp');
    const other = await ingestOrder(parseOrder({ ...body, orderId: 'PO 2' }), services, sourceOf(body));
    assert.equal((await world.job(other.jobId)).submittedBy?.by, 'order');
  });

  it('that comes twice is one job, in whatever envelope', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const first = await send(world, body);
    announce(world, first.manifest);
    await world.settle();
    const event = { specversion: '1.0', id: '2', source: '/erp', type: 'order', data: { ...body, tags: {} } };
    const second = await send(world, event);
    assert.equal(second.jobId, first.jobId);
    announce(world, second.manifest);
    await world.settle();
    assert.equal((await world.jobs.list({ size: 10 })).items.length, 1);
    assert.equal((await world.job(first.jobId)).counts.provisioned, 7);
  });

  it('of the same id with other content is refused on record, once, and the first goes on', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const first = await send(world, body);
    const other = { ...body, range: { ...body.range, count: 8 } };
    const refused = await send(world, other);
    await send(world, other);
    announce(world, first.manifest);
    await world.settle();
    const { items } = await world.jobs.list({ size: 10 });
    assert.deepEqual(items.map(({ jobId, status }) => `${jobId} ${status}`).sort(), [
      ...[`${first.jobId} completed`, `${refused.jobId} failed`].sort(),
    ]);
    const { reason, name, counts } = await world.job(refused.jobId);
    assert.deepEqual([reason?.code, name, counts.total], ['order-conflict', body.orderId, 0]);
    assert.ok(reason?.message.includes(first.jobId));
  });

  it('keeps its policy, and is cut anywhere without a loss', async () => {
    for (let call = 1; call <= 4; call += 1) {
      using world = createWorld();
      await world.declare('line7', { keyCustody: 'plain' });
      const order = parseOrder({ ...body, onConflict: 'replace' });
      const cut = { ...world.services(), manifests: cutAfter(world, call) };
      await ingestOrder(order, cut).catch(() => undefined);
      const job = await ingestOrder(order, world.services());
      assert.deepEqual([job.status, job.onConflict], ['received', 'replace']);
      assert.equal((await world.jobs.list({ size: 10 })).items.length, 1);
    }
  });
});

/** Manifests whose n-th call takes effect and never answers. */
function cutAfter(world: World, call: number): World['manifests'] {
  let calls = 0;
  return new Proxy(world.manifests, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== 'function') return member;
      return async (...given: unknown[]) => {
        const answer: unknown = await member.apply(target, given);
        calls += 1;
        if (calls === call) throw new Error('cut');
        return answer;
      };
    },
  });
}
