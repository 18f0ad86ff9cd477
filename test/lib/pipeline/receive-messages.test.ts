import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodedBody } from '../../../lib/jobs/messages.ts';
import { receiveOrders, receiveUploads } from '../../../lib/pipeline/receive-messages.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { createMemoryDeadLetterStore } from '../../memory/dead-letter-store.ts';
import { createWorld, Interruption, type World } from '../../world.ts';

const order = (orderId: string, deviceId = orderId.toLowerCase(), more: object = {}) => ({
  orderId,
  enrollmentGroup: 'line7',
  devices: [{ deviceId }],
  ...more,
});

/** The queues of the app, with the messages on them. */
function withQueues(world: World) {
  const sent: unknown[] = [];
  let cutAfter = Number.POSITIVE_INFINITY;
  const queue = () => ({
    async send(messages: Iterable<unknown>) {
      for (const message of messages) {
        if (sent.length >= cutAfter) {
          cutAfter = Number.POSITIVE_INFINITY;
          throw new Interruption('a message was not sent');
        }
        // As text, as the queue has it.
        sent.push(decodedBody(JSON.stringify(message)));
      }
    },
  });
  return {
    ports: { ...world.services(), queue },
    sent,
    cutAfter: (messages: number) => {
      cutAfter = messages;
    },
  };
}

async function namesOf(world: World): Promise<string[]> {
  const { items } = await world.jobs.list({ size: 100 });
  return items.map(({ name, submittedBy }) => `${name} ${submittedBy?.by}`).sort();
}

describe('a message of the queue orders', () => {
  it('with one order is worked on, alone, in a list or in a batch of one event', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const { ports, sent } = withQueues(world);
    await receiveOrders(order('PO-1'), ports);
    await receiveOrders([order('PO-2')], ports);
    await receiveOrders([{ specversion: '1.0', id: '1', source: '/erp', type: 'order', data: order('PO-3') }], ports);
    assert.deepEqual(await namesOf(world), ['PO-1 order', 'PO-2 order', 'PO-3 order from /erp']);
    assert.deepEqual(sent, []);
  });

  it('with many is one message per order, in whatever place a delivery is cut', async () => {
    const batch = [order('PO-1'), order('PO-2'), order('PO-3')];
    for (let cut = 0; cut <= 2; cut += 1) {
      using world = createWorld();
      await world.declare('line7', { keyCustody: 'plain' });
      const { ports, sent, cutAfter } = withQueues(world);
      cutAfter(cut);
      await receiveOrders(batch, ports).catch(() => undefined);
      await receiveOrders(batch, ports);
      // What was sent twice is delivered twice.
      for (const message of sent) await receiveOrders(message, ports);
      assert.deepEqual(await namesOf(world), ['PO-1 order', 'PO-2 order', 'PO-3 order'], `cut after ${cut}`);
    }
  });

  it('with a bad order names it, and the others run', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const { ports, sent } = withQueues(world);
    const batch = [order('PO-1'), { ...order('PO-2'), devices: [] }, order('PO-3'), 7];
    for (const _delivery of [1, 2]) {
      await assert.rejects(receiveOrders(batch, ports), {
        code: 'order-invalid',
        message:
          /^The batch of 4, of which 2 are in work, has 2 faults: item 2 \(PO-2\): The order has 1 fault: devices: .*; item 4: The order has 1 fault/,
      });
    }
    for (const message of sent) await receiveOrders(message, ports);
    assert.deepEqual(await namesOf(world), ['PO-1 order', 'PO-3 order']);
  });

  it('for a group that is not declared does not use up its id', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const { ports } = withQueues(world);
    const early = { ...order('PO-1'), enrollmentGroup: 'lnie7' };
    await assert.rejects(receiveOrders(early, ports), {
      code: 'group-unknown',
      message: 'There is no enrollment group "lnie7". Did you mean "line7"?',
    });
    assert.deepEqual([await namesOf(world), world.manifests.blobs.size], [[], 0]);
    await receiveOrders(order('PO-1'), ports);
    assert.deepEqual(await namesOf(world), ['PO-1 order']);
  });

  it('keeps the keys of its sender on the job, whoever makes the job', async () => {
    const reference = { company: 'C1', plant: 1000, note: 'Größe' };
    for (const eventFirst of [false, true]) {
      using world = createWorld();
      await world.declare('line7', { keyCustody: 'plain' });
      const { ports } = withQueues(world);
      // The event of the blob makes the job: the worker died behind the write of the blob.
      const lossy = { ...ports.jobs, create: () => Promise.reject(new Interruption('before the job')) };
      const cut = eventFirst ? { ...ports, jobs: lossy } : ports;
      await receiveOrders(order('PO-1', 'a', { reference }), cut).catch(() => undefined);
      for (const [blobName, body] of world.manifests.blobs) {
        const etag = (await world.manifests.properties(blobName))?.etag ?? '';
        world.announce({ blobName, etag }, body.length);
      }
      await world.settle();
      const [job] = (await world.jobs.list({ size: 10 })).items;
      assert.deepEqual([job?.name, job?.status, job?.reference], ['PO-1', 'completed', reference]);
    }
  });

  it('that is refused for its id shows the keys of its own sender', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const { ports } = withQueues(world);
    await receiveOrders(order('PO-1', 'a', { reference: { plant: 1 } }), ports);
    await receiveOrders(order('PO-1', 'a', { reference: { plant: 2 } }), ports);
    const { items } = await world.jobs.list({ size: 10 });
    const found = items.map(({ reference, reason }) => `${JSON.stringify(reference)} ${reason?.code}`);
    assert.deepEqual(found.sort(), ['{"plant":1} undefined', '{"plant":2} order-conflict']);
  });
});

describe('the dead letter of an order', () => {
  const reference = { plant: 1000 };
  const event = { specversion: '1.0', id: '1', source: '/erp', type: 'order', data: order('PO-1', 'a', { reference }) };
  const shown: [what: string, body: string, expected: object][] = [
    [
      'an order',
      JSON.stringify(order('PO-1', 'a', { reference, enrollmentGroup: 'x y' })),
      { orderId: 'PO-1', reference },
    ],
    ['an event in base64', Buffer.from(JSON.stringify(event)).toString('base64'), { orderId: 'PO-1', reference }],
    [
      'a long reference',
      JSON.stringify(order('PO-1', 'a', { reference: { a: 'x'.repeat(3000) } })),
      { orderId: 'PO-1' },
    ],
    ['a batch', JSON.stringify([event, event]), {}],
    ['no JSON', 'PO-1', {}],
    ['deep JSON', `${'['.repeat(5000)}${']'.repeat(5000)}`, {}],
  ];
  for (const [what, body, expected] of shown) {
    it(`shows its id and the keys of its sender: ${what}`, async () => {
      using world = createWorld();
      const deadLetters = createMemoryDeadLetterStore();
      await recordDeadLetter('orders', body, { ...world.services(), deadLetters });
      const [letter] = (await deadLetters.list({ size: 10 })).items;
      const { orderId, reference: kept } = letter ?? {};
      assert.equal(letter?.body, body);
      assert.deepEqual({ ...(orderId && { orderId }), ...(kept && { reference: kept }) }, expected);
    });
  }
});

describe('a message of the queue manifest-uploads', () => {
  const event = (blobName: string, etag: string) => ({
    id: '1',
    eventType: 'Microsoft.Storage.BlobCreated',
    subject: `/blobServices/default/containers/manifests/blobs/${blobName}`,
    data: { url: `https://x/manifests/${blobName}`, eTag: etag, contentLength: 20 },
  });

  it('with a list of events is one message per event', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const { ports, sent } = withQueues(world);
    const events = await Promise.all(
      ['line7/a.csv', 'line7/b.csv'].map(async (name, index) => {
        await world.upload(name, `deviceId\ngw-${index}\n`);
        return event(name, (await world.manifests.properties(name))?.etag ?? '');
      }),
    );
    world.queue.splice(0);
    await assert.rejects(receiveUploads([...events, { id: 'x' }], ports), {
      code: 'event-invalid',
      message: /^The batch of 3, of which 2 are in work, has 1 fault: item 3 \(x\)/,
    });
    for (const message of sent) await receiveUploads(message, ports);
    await world.settle();
    const { items } = await world.jobs.list({ size: 10 });
    assert.deepEqual(items.map(({ name, status }) => `${name} ${status}`).sort(), [
      'line7/a.csv completed',
      'line7/b.csv completed',
    ]);
  });
});
