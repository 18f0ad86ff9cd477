import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FailureReason, FleetError } from '../../../lib/errors.ts';
import type { CloudEvent } from '../../../lib/events/cloud-event.ts';
import { finishIfDone } from '../../../lib/jobs/count-part.ts';
import { noRows } from '../../../lib/jobs/job.ts';
import type { ChunkMessage } from '../../../lib/jobs/messages.ts';
import { parseOrder } from '../../../lib/orders/order.ts';
import { abandonChunk } from '../../../lib/pipeline/abandon-chunk.ts';
import { cancelJob } from '../../../lib/pipeline/cancel-job.ts';
import { ingestOrder } from '../../../lib/pipeline/ingest-order.ts';
import { noticeJobs } from '../../../lib/pipeline/notice-jobs.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import { sendEvents } from '../../../lib/pipeline/send-events.ts';
import { someWebhook } from '../../contract/webhook-store.ts';
import { someJob, someTime } from '../../factories.ts';
import { createWorld, Interruption, type World } from '../../world.ts';
import { createEventPorts } from '../events/event-ports.ts';

const reference = { company: '1000', plant: 'BER', orderItem: 10 };
const order = {
  orderId: 'PO-4711',
  enrollmentGroup: 'line7',
  reference,
  devices: [
    { deviceId: 'gw-1' },
    { deviceId: 'gw-2' },
    { deviceId: 'gw-2' },
    { deviceId: 'gw 3' },
    { deviceId: 'gw-4' },
    { deviceId: 'gw-5' },
  ],
};

async function someWorld(options: Parameters<typeof createWorld>[0] = {}): Promise<World> {
  const world = createWorld({ chunkRows: 3, ...options });
  await world.declare('line7', { keyCustody: 'plain' });
  return world;
}

/** Stores the order, which announces itself as its blob would. @returns the id of its job */
async function submit(world: World, body: unknown = order): Promise<string> {
  const job = await ingestOrder(parseOrder(body), world.services());
  const { blob, etag } = job.manifest;
  world.announce({ blobName: blob, etag }, 1);
  return job.jobId;
}

/** Sends what is owed by now. A run that is cut is made again, as by the timer. */
async function send(
  world: World,
  given = createEventPorts({ outbox: world.services().outbox, wrapped: world.cuttable }),
) {
  for (;;) {
    try {
      await sendEvents(given.ports);
      return given;
    } catch (error) {
      if (!(error instanceof Interruption)) throw error;
    }
  }
}

const byId = (events: readonly CloudEvent[]) => new Map(events.map((event) => [event.id, event]));
const typesOf = (events: readonly CloudEvent[]) => [...byId(events).values()].map(({ type }) => type).sort();

describe('the events of an order', () => {
  it('say that it was accepted and how it ended, with the keys of its sender', async () => {
    using world = await someWorld();
    const jobId = await submit(world);
    await world.settle();
    const { events } = await send(world);
    assert.deepEqual(typesOf(events()), ['fleet.job.ended', 'fleet.order.accepted', 'fleet.order.finished']);
    const finished = events().find(({ type }) => type === 'fleet.order.finished');
    const at = someTime.toISOString();
    const job = `https://fleet.example.com/api/jobs/${jobId}`;
    assert.deepEqual(JSON.parse(JSON.stringify(finished)), {
      ...{ specversion: '1.0', id: finished?.id, source: 'https://fleet.example.com', type: 'fleet.order.finished' },
      ...{ subject: 'orders/PO-4711', time: at, datacontenttype: 'application/json' },
      data: {
        ...{ orderId: 'PO-4711', jobId, reference, status: 'completedWithErrors', revision: 1 },
        reasons: [
          { code: 'device-id-duplicate', rows: 1 },
          { code: 'device-id-invalid', rows: 1 },
        ],
        ...{ receivedAt: at, startedAt: at, finishedAt: at },
        links: {
          ...{ job, results: `${job}/results`, errors: `${job}/errors` },
          devices: `https://fleet.example.com/api/devices?job=${jobId}`,
        },
        quantities: { ordered: 6, good: 4, rejected: 2, cancelled: 0, retryable: 0 },
      },
    });
    assert.deepEqual(await world.outbox.owing(10), []);
  });

  it('are the same, whichever call of any worker or of the sender was the last one', async () => {
    using calm = await someWorld();
    calm.interruptAfter(0);
    await submit(calm);
    await calm.settle();
    const expected = byId((await send(calm)).events());
    // Each call of `settle` and `send` counts, so each of them is once the last one.
    const calls = await calm.settle();
    assert.ok(calls > 25, `${calls} calls`);
    for (let call = 1; call <= calls; call++) {
      using world = await someWorld();
      world.interruptAfter(call);
      let jobId: string | undefined;
      while (jobId === undefined) jobId = await submit(world).catch(ignoreInterruption);
      await world.settle();
      const { events } = await send(world);
      assert.deepEqual(byId(events()), expected, `cut after call ${call}`);
      assert.deepEqual(await world.outbox.owing(10), [], `cut after call ${call}`);
    }
  });

  it('have one id each when every message is delivered twice', async () => {
    using world = await someWorld();
    await submit(world);
    await submit(world);
    while (world.queue.length > 0) {
      const round = world.queue.splice(0);
      for (const delivery of round) {
        await delivery.run();
        await delivery.run();
        // What is owed at any moment is true.
        await send(world);
      }
    }
    const ended = await world.outbox.owing(10);
    assert.deepEqual(ended, []);
  });

  it('say once that it was refused, and nothing of its end, when its id has other content', async () => {
    using world = await someWorld();
    await submit(world);
    await world.settle();
    await send(world);
    await ingestOrder(parseOrder({ ...order, devices: [{ deviceId: 'gw-9' }] }), world.services());
    await ingestOrder(parseOrder({ ...order, devices: [{ deviceId: 'gw-9' }] }), world.services());
    const { events } = await send(world);
    assert.deepEqual(typesOf(events()), ['fleet.job.ended', 'fleet.order.refused']);
    const refused = events().find(({ type }) => type === 'fleet.order.refused');
    const { reason } = (refused?.data ?? {}) as { reason?: FailureReason };
    assert.equal(reason?.code, 'order-conflict');
    assert.deepEqual(refused?.data['reference'], reference);
  });

  it('say that it was refused when its message could not be read', async () => {
    using world = await someWorld();
    const body = JSON.stringify({ orderId: 'PO-1', reference, enrollmentGroup: 'Line 7', devices: [] });
    const ports = { ...world.services(), deadLetters: world.deadLetters };
    await recordDeadLetter('orders', body, ports);
    await recordDeadLetter('orders', body, ports);
    const { events } = await send(world);
    assert.equal(events().length, 1);
    const [refused] = events();
    assert.equal(refused?.type, 'fleet.order.refused');
    assert.equal(refused?.subject, 'orders/PO-1');
    assert.deepEqual(refused?.data['reference'], reference);
  });

  it('are not sent for an order that is only checked, but its job ends', async () => {
    using world = await someWorld();
    await submit(world, { ...order, dryRun: true });
    await world.settle();
    const { events } = await send(world);
    assert.deepEqual(typesOf(events()), ['fleet.job.ended']);
    assert.deepEqual([events()[0]?.data['dryRun'], events()[0]?.data['status']], [true, 'checked']);
  });

  it('count a revision more for each end: a retry that turns rows good closes the order again', async () => {
    using world = await someWorld();
    const jobId = await submit(world);
    await world.queue.shift()?.run();
    const chunk = world.queue.shift()?.message as ChunkMessage;
    const { reason } = new FleetError('unavailable', 'DPS was away.');
    await abandonChunk(chunk, reason, world.services());
    await world.settle();
    const first = await send(world);
    const endOf = (events: readonly CloudEvent[]) => events.find(({ type }) => type === 'fleet.order.finished')?.data;
    const { quantities, revision } = endOf(first.events()) ?? {};
    assert.deepEqual([revision, quantities], [1, { ordered: 6, good: 2, rejected: 4, cancelled: 0, retryable: 2 }]);
    await retryJob(await world.job(jobId), world.services(), 'ada');
    assert.deepEqual((await send(world)).events(), []);
    await world.settle();
    const second = endOf((await send(world)).events()) ?? {};
    const all = { ordered: 6, good: 4, rejected: 2, cancelled: 0, retryable: 0 };
    assert.deepEqual([second['revision'], second['quantities']], [2, all]);
  });

  it('say that a cancelled order ended when its last row is counted, not before', async () => {
    using world = await someWorld();
    const jobId = await submit(world);
    await world.queue.shift()?.run();
    await world.queue.shift()?.run();
    await cancelJob(jobId, world.services(), 'ada');
    assert.deepEqual(typesOf((await send(world)).events()), ['fleet.order.accepted']);
    await world.settle();
    const { events } = await send(world);
    assert.deepEqual(typesOf(events()), ['fleet.job.ended', 'fleet.order.finished']);
    assert.deepEqual(events()[0]?.data['status'], 'cancelled');
  });
});

describe('a job without progress', () => {
  it('is announced once per standstill, and ended if only its last write was lost', async () => {
    let at = someTime;
    using world = await someWorld({ now: () => at });
    await submit(world);
    await world.queue.shift()?.run();
    const later = (minutes: number) => {
      at = new Date(at.getTime() + minutes * 60_000);
    };
    const noticed = async () => {
      await noticeJobs(world.services());
      return (await send(world)).events().filter(({ type }) => type === 'fleet.job.stalled');
    };
    later(29);
    assert.equal((await noticed()).length, 0);
    later(1);
    const [stalled, ...others] = await noticed();
    assert.deepEqual([stalled?.data['waiting'], others], [6, []]);
    later(60);
    assert.equal((await noticed()).length, 0);
    await world.queue.shift()?.run();
    later(30);
    const [again] = await noticed();
    assert.deepEqual([again?.data['waiting'], again?.id === stalled?.id], [3, false]);
    // The last chunk is counted, and its worker dies before it ends the job.
    const [last] = world.queue.splice(0);
    world.failOn('updateVersion');
    await assert.rejects(async () => last?.run(), Interruption);
    await noticeJobs(world.services());
    assert.deepEqual(typesOf((await send(world)).events()), ['fleet.job.ended', 'fleet.order.finished']);
  });
});

describe('a dry run that was cancelled after its last row', () => {
  it('is not ended as a job that provisioned, and announces nothing before its summary', async () => {
    using world = await someWorld();
    const counts = { ...noRows, total: 2, checked: 1 };
    const job = someJob({ status: 'cancelled', dryRun: true, counts });
    await world.jobs.create(job);
    const outcome = { provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0, checked: 1 };
    const part = { part: 'chunk-00001', chunk: 1, outcome, finishedAt: someTime.toISOString() };
    await finishIfDone(world.services(), await world.jobs.count(job.jobId, part), someTime);
    assert.equal((await world.jobs.read(job.jobId))?.status, 'cancelled');
    assert.deepEqual(typesOf((await send(world)).events()), []);
  });
});

describe('the sender of events', () => {
  it('begins one delivery per webhook that wants the event, and none for one that is disabled', async () => {
    using world = await someWorld();
    await submit(world);
    await world.settle();
    const given = createEventPorts({ outbox: world.services().outbox });
    await given.webhooks.create(someWebhook({ webhookId: 'wh-0000000000000001', types: ['fleet.order.finished'] }));
    const disabled = { at: someTime.toISOString(), why: 'gone' };
    await given.webhooks.create(someWebhook({ webhookId: 'wh-0000000000000002', disabled }));
    await send(world, given);
    const [message, ...others] = given.delayed.map((each) => each.message);
    assert.deepEqual(others, []);
    assert.equal(message?.target, 'wh-0000000000000001');
    const read = await given.webhooks.readDelivery(message?.target ?? '', message?.deliveryId ?? '');
    assert.deepEqual(
      read?.value.events.map(({ type }) => type),
      ['fleet.order.finished'],
    );
  });

  it('sends again what it could not take off, with the same ids', async () => {
    using world = await someWorld();
    await submit(world);
    await world.settle();
    const given = createEventPorts({ outbox: world.services().outbox });
    await given.webhooks.create(someWebhook());
    world.failOn('settle');
    await assert.rejects(() => sendEvents(given.ports), Interruption);
    const before = given.events();
    await sendEvents(given.ports);
    assert.deepEqual(given.events().slice(before.length), before);
    assert.deepEqual(new Set(given.delayed.map(({ message }) => message.deliveryId)).size, given.delayed.length / 2);
  });
});

function ignoreInterruption(error: unknown): undefined {
  if (!(error instanceof Interruption)) throw error;
  return undefined;
}
