import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { BulkOperationType, type Container } from '@azure/cosmos';
import { bulk, bulkOnce, createDocument, replaceDocument } from '../../../lib/azure/cosmos.ts';
import { FleetError } from '../../../lib/errors.ts';
import { assertEvery } from '../../assert-every.ts';
import { startCosmos } from '../../infra/emulators/cosmos/start-cosmos.ts';

const creates = (count: number, prefix = 'd') =>
  Array.from({ length: count }, (_, index) => ({
    operationType: BulkOperationType.Create,
    partitionKey: `${prefix}${index}`,
    resourceBody: { id: `${prefix}${index}` },
  }));

test('throttling delays operations and loses none', async (t) => {
  // 250 creates of 5.5 RU in three requests: some requests are refused, and some single operations.
  const { container: make } = await startCosmos(t, { throughput: { ruPerSecond: 600, per: 'container' } });
  const container = await make();
  const waits: number[] = [];
  const answers = await bulk(container, creates(250), async (milliseconds) => {
    waits.push(milliseconds);
    await pause(milliseconds);
  });
  assert.ok(waits.length > 0, 'the budget was too large to wait for');
  assertEvery(waits, (wait) => wait <= 3000, `waits as the service asks: ${waits}`);
  assert.equal(answers.length, 250);
  assertEvery(answers, ({ statusCode }) => statusCode === 201);
});

test('operations that are throttled for too long fail with the wait of the service', async (t) => {
  const { container: make } = await startCosmos(t, { throughput: { ruPerSecond: 1, per: 'container' } });
  const container = await make();
  let waited = 0;
  // This test does not really wait, so the budget never recovers.
  const attempt = bulk(container, creates(3), async (milliseconds) => {
    waited += milliseconds;
  });
  await assert.rejects(attempt, (error) => error instanceof FleetError && error.code === 'throttled' && error.retry);
  assert.ok(waited > 60_000 && waited <= 120_000, `${waited}`);
});

test('responses come in the order of the operations, final failures included', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  await container.items.create({ id: 'd105' });
  const answers = await bulk(container, creates(210), async () => assert.fail('nothing to wait for'));
  assert.equal(answers.length, 210);
  assert.deepEqual(
    answers.flatMap(({ statusCode }, index) => (statusCode === 201 ? [] : [[index, statusCode]])),
    [[105, 409]],
  );
});

test('a service that refuses the key is unavailable, although the SDK hides the status', async (t) => {
  const { connect, container: make } = await startCosmos(t);
  const { id } = await make();
  const client = connect({ key: Buffer.from('another').toString('base64') });
  const attempt = bulk(client.database('test').container(id), creates(1), async () => {});
  await assert.rejects(attempt, (error) => error instanceof FleetError && error.code === 'unavailable');
});

test('a service that is gone is an error that is retried', async (t) => {
  const { connect } = await startCosmos(t);
  // Nothing listens on port 9 (discard).
  const client = connect({ endpoint: 'http://127.0.0.1:9' });
  const attempt = bulk(client.database('test').container('c1'), creates(1), async () => {});
  await assert.rejects(attempt, (error) => error instanceof FleetError && error.code === 'unavailable' && error.retry);
});

/** The container, whose first requests are answered as a test says. The others go to the emulator. */
function answeringFirst(container: Container, ...answers: readonly (() => Promise<unknown>)[]) {
  const { bulk: real } = container.items;
  const sent: number[] = [];
  container.items.bulk = ((...given: Parameters<typeof real>) => {
    const answer = answers[sent.length];
    sent.push(given[0].length);
    return answer?.() ?? real.apply(container.items, given);
  }) as typeof real;
  return { sent };
}

const idsIn = async (container: Container) => {
  const { resources } = await container.items.query<string>('SELECT VALUE c.id FROM c').fetchAll();
  return resources.sort();
};
const refuse = (fields: object) => () => Promise.reject(Object.assign(new Error('refused'), fields));

test('a request that is refused whole is sent again after the wait of the service, and no operation is lost', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const { sent } = answeringFirst(container, refuse({ code: 429, retryAfterInMs: 2500 }));
  const waits: number[] = [];
  const answers = await bulk(container, creates(3), async (milliseconds) => void waits.push(milliseconds));
  assert.deepEqual(sent, [3, 3]);
  assert.deepEqual(waits, [3000]);
  assert.deepEqual(
    Array.from(answers, (answer) => answer?.statusCode),
    [201, 201, 201],
  );
  assert.deepEqual(await idsIn(container), ['d0', 'd1', 'd2']);
});

test('a request that fails for another reason is not taken for a throttled one', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const { sent } = answeringFirst(container, refuse({ code: 503 }));
  const attempt = bulk(container, creates(1), async () => assert.fail('nothing to wait for'));
  await assert.rejects(attempt, { code: 'unavailable' });
  assert.deepEqual(sent, [1]);
});

for (const status of [408, 410, 424, 429, 449, 503]) {
  test(`only the operation that was answered with ${status} is sent again`, async (t) => {
    const { container: make } = await startCosmos(t);
    const container = await make();
    const { sent } = answeringFirst(container, async () => [
      { statusCode: 201, eTag: '"1"' },
      { statusCode: status, retryAfterMilliseconds: 700 },
      { statusCode: 409 },
    ]);
    const waits: number[] = [];
    const answers = await bulk(container, creates(3), async (milliseconds) => void waits.push(milliseconds));
    assert.deepEqual(sent, [3, 1]);
    assert.deepEqual(waits, [700]);
    assert.deepEqual(
      Array.from(answers, (answer) => answer?.statusCode),
      [201, 201, 409],
    );
    assert.deepEqual(await idsIn(container), ['d1']);
  });
}

test('operations that the answer leaves out are sent again, and each wait without a time is longer', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const { sent } = answeringFirst(
    container,
    async () => [{ statusCode: 201 }],
    async () => [],
    async () => [],
  );
  const waits: number[] = [];
  const answers = await bulk(container, creates(3), async (milliseconds) => void waits.push(milliseconds));
  assert.deepEqual(sent, [3, 2, 2, 2]);
  assert.deepEqual(waits, [100, 200, 400]);
  assert.deepEqual(
    Array.from(answers, (answer) => answer?.statusCode),
    [201, 201, 201],
  );
  assert.deepEqual(await idsIn(container), ['d1', 'd2']);
});

test('waits without a time are 5 seconds at most', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  answeringFirst(container, ...Array.from({ length: 8 }, () => async () => []));
  const waits: number[] = [];
  await bulk(container, creates(1), async (milliseconds) => void waits.push(milliseconds));
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
});

test('one request has an answer for each operation, and none for those to try again', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const { sent } = answeringFirst(
    container,
    async () => [{ statusCode: 201 }, { statusCode: 429 }],
    refuse({ code: 429 }),
  );
  const statuses = async () => (await bulkOnce(container, creates(3))).map((answer) => answer?.statusCode ?? 'again');
  assert.deepEqual(await statuses(), [201, 'again', 'again']);
  assert.deepEqual(await statuses(), ['again', 'again', 'again']);
  assert.deepEqual(sent, [3, 3]);
});

test('a write has no document in its answer, and a read has it', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const sleep = async () => {};
  const [written] = await bulk(container, creates(1), sleep);
  assert.equal(written?.resourceBody, undefined);
  const read = [{ operationType: BulkOperationType.Read, id: 'd0', partitionKey: 'd0' }];
  assert.equal((await bulk(container, read, sleep))[0]?.resourceBody?.['id'], 'd0');
});

test('a write that is answered without an ETag is unavailable: nothing could be written after it', async () => {
  const items = { create: async () => ({}) };
  const item = () => ({ replace: async () => ({}) });
  const container = { items, item } as unknown as Container;
  await assert.rejects(createDocument(container, { id: 'a' }), { code: 'unavailable' });
  await assert.rejects(replaceDocument(container, 'a', { value: { id: 'a' }, etag: '"1"' }), { code: 'unavailable' });
});
